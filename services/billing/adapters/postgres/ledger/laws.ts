import type { Law } from '../verify/law.ts';

/** Entries, wallets, grants, holds, the chain; and payments as far as the books know them. */
export const ledgerLaws: readonly Law[] = [
  {
    law: 'the entries of all accounts sum to zero in each currency (debits = credits)',
    about: 'nothing',
    sql: `select currency as subject, 0 as expected, sum(amount_micros) as found from entries group by currency having sum(amount_micros) <> 0`,
  },
  {
    law: 'a transfer has exactly two entries: its amount out of the debit account and into the credit account',
    about: 'transfer',
    sql: `select t.id as subject, 'two opposite entries of ' || t.amount_micros as expected, count(e.transfer_id) || ' entries' as found
      from transfers t left join entries e on e.transfer_id = t.id and e.currency = t.currency and e.type = t.type
       and ((e.account_id = t.debit_account_id and e.amount_micros = -t.amount_micros)
         or (e.account_id = t.credit_account_id and e.amount_micros = t.amount_micros))
      group by t.id, t.amount_micros having count(e.transfer_id) <> 2`,
  },
  {
    law: 'every entry belongs to a transfer and to an account of its currency',
    about: 'transfer',
    sql: `select e.transfer_id as subject, 'transfer and account' as expected, 'missing' as found
      from entries e left join transfers t on t.id = e.transfer_id left join accounts a on a.id = e.account_id and a.currency = e.currency
      where t.id is null or a.id is null`,
  },
  {
    law: "a transfer touches its own tenant's wallet and no other, and one system account",
    about: 'transfer',
    sql: `select t.id as subject, t.tenant_id as expected, coalesce(a.tenant_id, b.tenant_id) as found
      from transfers t join accounts a on a.id = t.debit_account_id join accounts b on b.id = t.credit_account_id
      where t.type <> 'provider_cost' and ((a.kind = 'wallet') = (b.kind = 'wallet') or coalesce(a.tenant_id, b.tenant_id) <> t.tenant_id)`,
  },
  {
    law: "a wallet's balance is the sum of its entries, and it counts them",
    about: 'wallet',
    sql: `select a.id as subject, a.balance_micros || ' in ' || a.entry_count as expected,
             coalesce(sum(e.amount_micros), 0) || ' in ' || count(e.transfer_id) as found
      from accounts a left join entries e on e.account_id = a.id where a.kind = 'wallet'
      group by a.id having a.balance_micros <> coalesce(sum(e.amount_micros), 0) or a.entry_count <> count(e.transfer_id)`,
  },
  {
    law: "a wallet's entries are numbered without gaps, each carries the running balance, and time does not go back",
    about: 'wallet',
    sql: `select account_id || ' #' || account_sequence as subject, running as expected, balance_after_micros as found from (
        select account_id, account_sequence, balance_after_micros, created_at,
               sum(amount_micros) over w as running, row_number() over w as position, lag(created_at) over w as previous_at
          from entries where account_sequence is not null window w as (partition by account_id order by account_sequence)) r
      where running <> balance_after_micros or position <> account_sequence or previous_at > created_at`,
  },
  {
    law: "a wallet's balance is what is left of its grants, and its promotional part what is left of the promotional ones",
    about: 'wallet',
    sql: `with left_over as (
        select wallet_id, currency, tenant_id, sum(remaining_micros) as total, coalesce(sum(remaining_micros) filter (where kind = 'promotional'), 0) as given
          from grants group by wallet_id, currency, tenant_id)
      select coalesce(a.id, l.wallet_id) as subject, coalesce(l.total, 0) || ', given ' || coalesce(l.given, 0) as expected,
             a.balance_micros || ', given ' || a.promotional_micros as found
        from (select * from accounts where kind = 'wallet') a full join left_over l on l.wallet_id = a.id
       where a.id is null or a.currency <> coalesce(l.currency, a.currency) or a.tenant_id <> coalesce(l.tenant_id, a.tenant_id)
          or a.balance_micros <> coalesce(l.total, 0) or a.promotional_micros <> coalesce(l.given, 0)`,
  },
  {
    law: 'what is left of a grant is the sum of its entries',
    about: 'grant',
    sql: `select coalesce(g.id, e.grant_id) as subject, coalesce(e.total, 0) as expected, g.remaining_micros as found
        from grants g full join (select grant_id, sum(amount_micros) as total from grant_entries group by grant_id) e on e.grant_id = g.id
       where g.id is null or g.remaining_micros <> coalesce(e.total, 0)`,
  },
  {
    law: "a transfer's entries on grants are its entry on the wallet",
    about: 'transfer',
    sql: `select coalesce(e.transfer_id, g.transfer_id) as subject, coalesce(e.amount_micros, 0) as expected, coalesce(g.total, 0) as found
        from (select * from entries where account_sequence is not null) e
        full join (select e.transfer_id, g.wallet_id, sum(e.amount_micros) as total from grant_entries e join grants g on g.id = e.grant_id
                    group by e.transfer_id, g.wallet_id) g on g.transfer_id = e.transfer_id and g.wallet_id = e.account_id
       where coalesce(e.amount_micros, 0) <> coalesce(g.total, 0)`,
  },
  {
    law: 'credit does not lapse unnoticed: a wallet knows of an expiry that comes before all of its open grants',
    about: 'wallet',
    sql: `select a.id as subject, min(g.expires_at)::text as expected, a.credit_expires_at::text as found
        from grants g join accounts a on a.id = g.wallet_id where g.open and g.expires_at is not null
       group by a.id having a.credit_expires_at is null or a.credit_expires_at > min(g.expires_at)`,
  },
  {
    law: 'available credit is never negative',
    about: 'wallet',
    sql: `select id as subject, '>= 0' as expected, balance_micros - held_micros as found from accounts
      where kind = 'wallet' and (balance_micros < held_micros or held_micros < 0)`,
  },
  {
    law: 'what a wallet holds is the sum of its open holds',
    about: 'tenant',
    sql: `with open as (select tenant_id, currency, sum(amount_micros - captured_micros) as held from holds where state = 'held' group by 1, 2)
      select coalesce(a.tenant_id, o.tenant_id) as subject, coalesce(o.held, 0) as expected, a.held_micros as found
        from (select * from accounts where kind = 'wallet') a full join open o on o.tenant_id = a.tenant_id and o.currency = a.currency
       where coalesce(a.held_micros, -1) <> coalesce(o.held, 0) and not (a.id is null and o.held = 0)`,
  },
  {
    law: 'what was taken out of a hold is the sum of the holds that were made of it, of its tenant and currency',
    about: 'hold',
    sql: `with parts as (select from_hold_id, tenant_id, currency, sum(amount_micros + carved_micros) as total
          from holds where from_hold_id is not null group by from_hold_id, tenant_id, currency)
      select coalesce(h.id, p.from_hold_id) as subject, coalesce(h.carved_micros, 0) as expected, coalesce(p.total, 0) as found
        from (select * from holds where carved_micros > 0) h
        full join parts p on p.from_hold_id = h.id and p.tenant_id = h.tenant_id and p.currency = h.currency
       where coalesce(h.carved_micros, 0) <> coalesce(p.total, 0)`,
  },
  {
    law: 'every transfer is in exactly one block of the chain, or waits for one',
    about: 'transfer',
    sql: `with sealed as (select unnest(transfer_ids) as id from ledger_blocks union all select transfer_id from unsealed_transfers)
      select coalesce(t.id, s.id) as subject, 'once' as expected, count(s.id) || ' times' as found
        from transfers t full join sealed s on s.id = t.id group by t.id, s.id having t.id is null or count(s.id) <> 1`,
  },
  {
    law: 'the blocks are a chain: numbered without gaps, each with the hash of the one before it and of what it seals',
    about: 'block',
    sql: `select height as subject, encode(expected, 'hex') as expected, encode(hash, 'hex') as found from (
        select height, row_number() over w as position, hash, previous_hash, coalesce(lag(hash) over w, '') as before, block_hash(format, row_number() over w, coalesce(lag(hash) over w, ''), transfer_ids) as expected
          from ledger_blocks window w as (order by height)) b
      where hash <> expected or previous_hash <> before or height <> position order by height`,
  },
  {
    law: 'what was captured and collected for a hold is the sum of its charges',
    about: 'hold',
    sql: `with charged as (select hold_id, sum(amount_micros) as total from transfers where hold_id is not null and type = 'charge' group by hold_id)
      select coalesce(h.id, c.hold_id) as subject, h.captured_micros + coalesce(u.collected_micros, 0) as expected, coalesce(c.total, 0) as found
        from holds h full join charged c on c.hold_id = h.id left join uncollected u on u.hold_id = h.id
       where h.id is null or h.captured_micros + coalesce(u.collected_micros, 0) <> coalesce(c.total, 0)`,
  },
  {
    law: 'what is uncollected is the reported total less everything charged',
    about: 'hold',
    sql: `select u.hold_id as subject, greatest(u.total_micros - h.captured_micros - u.collected_micros, 0) as expected, u.owed_micros as found
        from uncollected u join holds h on h.id = u.hold_id
       where u.owed_micros <> greatest(u.total_micros - h.captured_micros - u.collected_micros, 0)`,
  },
  {
    law: 'a payment is credited once, in full, to its own tenant, exactly when it succeeded',
    about: 'payment',
    sql: `select coalesce(p.id, t.payment_id) as subject, p.status || ' ' || p.amount_micros as expected, coalesce(t.amount_micros::text, 'no credit') as found
        from payments p full join (select * from transfers where type = 'payment') t on t.payment_id = p.id
       where p.id is null or (p.status = 'succeeded') <> (t.id is not null)
          or t.amount_micros <> p.amount_micros or t.tenant_id <> p.tenant_id or t.currency <> p.currency`,
  },
];
