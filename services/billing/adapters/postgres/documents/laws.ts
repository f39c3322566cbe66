import type { Law } from '../verify/law.ts';

/** Per closed period: what its entries came to, and what its document says. */
const periodSum = (document: 'invoice_id' | 'credit_note_id', sign: '<' | '>'): string => `
  select p.wallet_id || ' ' || p.period_from as subject, coalesce(e.total, 0) as expected, coalesce(d.total, 0) as found
    from closed_periods p
    left join lateral (
      select sum(abs(e.amount_micros)) as total from entries e join transfers t on t.id = e.transfer_id
        join accounts s on s.id = case when e.amount_micros < 0 then t.credit_account_id else t.debit_account_id end and s.kind = 'revenue'
       where e.account_id = p.wallet_id and e.account_sequence > p.after_sequence and e.account_sequence <= p.to_sequence and e.amount_micros ${sign} 0) e on true
    left join lateral (
      select sum((line ->> 'amountMicros')::bigint) as total from documents d, jsonb_array_elements(d.content::jsonb -> 'lines') line
       where d.id = p.${document} and d.tenant_id = p.tenant_id) d on true
   where coalesce(e.total, 0) <> coalesce(d.total, 0)`;

export const documentLaws: readonly Law[] = [
  {
    law: 'the lines of an invoice sum to what was charged in its period, to the last micro',
    about: 'period',
    sql: periodSum('invoice_id', '<'),
  },
  {
    law: 'the lines of a credit note sum to what was given back in its period, to the last micro',
    about: 'period',
    sql: periodSum('credit_note_id', '>'),
  },
  {
    law: 'billing periods follow each other: each begins, in time and in entries, where the one before ended',
    about: 'period',
    sql: `select wallet_id || ' ' || period_from as subject, before_to || ' #' || before_sequence as expected, period_from || ' #' || after_sequence as found from (
        select wallet_id, period_from, after_sequence, lag(period_to) over w as before_to, coalesce(lag(to_sequence) over w, 0) as before_sequence
          from closed_periods window w as (partition by wallet_id order by period_from)) p
       where after_sequence <> before_sequence or period_from <> before_to
      union all
      select s.wallet_id::text, coalesce(p.period_to, s.period_from) || ' #' || coalesce(p.to_sequence, 0), s.period_from || ' #' || s.last_sequence
        from billing_schedules s left join lateral (
          select period_to, to_sequence from closed_periods p where p.wallet_id = s.wallet_id order by period_from desc limit 1) p on true
       where s.last_sequence <> coalesce(p.to_sequence, 0) or s.period_from <> coalesce(p.period_to, s.period_from)`,
  },
  {
    law: 'a closed period covers entries that exist, and every wallet has a running period',
    about: 'wallet',
    sql: `select a.id as subject, a.entry_count || ' entries' as expected, coalesce(s.last_sequence::text, 'no schedule') as found
        from accounts a left join billing_schedules s on s.wallet_id = a.id
       where a.kind = 'wallet' and (s.wallet_id is null or s.last_sequence > a.entry_count)`,
  },
  {
    law: 'documents are numbered 1, 2, 3 … for each issuer, kind and year, and the counter stands at the last',
    about: 'document',
    sql: `select id as subject, position::text as expected, sequence::text as found from (
        select id, sequence, row_number() over (partition by issuer, kind, year order by sequence) as position from documents) d
       where sequence <> position
      union all
      select id, said, number from (
        select id, number, issuer || '-' || year || '-' || case kind when 'invoice' then '' when 'credit_note' then 'CN-' else 'R-' end
                           || lpad(sequence::text, greatest(6, length(sequence::text)), '0') as said from documents) d
       where number <> said
      union all
      select null, coalesce(d.last, 0)::text, coalesce(c.last, 0)::text
        from document_counters c full join (select issuer, kind, year, max(sequence) as last from documents group by 1, 2, 3) d using (issuer, kind, year)
       where coalesce(c.last, 0) <> coalesce(d.last, 0)`,
  },
  {
    law: 'a document says what it said when it was issued: its hash, its number, its sums',
    about: 'document',
    sql: `with intact as materialized (
        select d.*, d.content::jsonb as c from documents d where sha256(convert_to(d.content, 'UTF8')) = d.content_hash
      )
      select id as subject, encode(sha256(convert_to(content, 'UTF8')), 'hex') as expected, encode(content_hash, 'hex') as found from documents
       where sha256(convert_to(content, 'UTF8')) <> content_hash
      union all
      select id, said, kept from (
        select id, concat_ws(' ', c ->> 'number', c ->> 'kind', c ->> 'currency', (c ->> 'issuedAt')::timestamptz, c #>> '{payment,id}',
                             (c ->> 'totalMicros')::bigint, (c ->> 'netMicros')::bigint + (c ->> 'taxMicros')::bigint) as said,
               concat_ws(' ', number, kind, currency, issued_at, payment_id, total_micros, total_micros) as kept from intact) i
       where said <> kept`,
  },
  {
    law: 'a payment that was credited has one receipt of its amount, or waits for one',
    about: 'payment',
    sql: `select coalesce(t.payment_id, d.payment_id) as subject, coalesce(t.amount_micros, 0) as expected, coalesce(d.total_micros::text, 'no receipt') as found
        from (select * from transfers where type = 'payment') t
        full join (select * from documents where kind = 'receipt') d on d.payment_id = t.payment_id
        left join receipts_due r on r.payment_id = t.payment_id
       where t.id is null or (d.id is null) = (r.payment_id is null) or d.total_micros <> t.amount_micros or d.tenant_id <> t.tenant_id`,
  },
];
