import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Holds made of parts of others. One that serves many purchases is placed for their sum; each purchase then takes its part out as a
 * hold of its own, which is captured or given back like any other. What a wallet holds does not change by it, and neither do the
 * windows of budgets: a part counts in the window of the whole.
 *
 * A function of its own beside execute_ledger, under the same lock (the wallet's), because it needs nothing that a batch there shares.
 */
export const holdParts = sqlMigration(
  '20261121-0100-hold-parts',
  `
alter table holds add column from_hold_id uuid;
alter table holds add column carved_micros bigint not null default 0 check (carved_micros >= 0);
-- All of a hold may have become parts.
alter table holds drop constraint holds_amount_micros_check;
alter table holds add constraint holds_amount check (amount_micros >= 0 and amount_micros + carved_micros > 0);
create index holds_parts on holds (from_hold_id) where from_hold_id is not null;

-- Each command in its own right; its twin in the same call is answered like one that comes later.
create function carve_holds(p_commands json) returns table (
  ordinal integer, outcome text, id uuid, amount bigint, currency text, product text, reference text, description text,
  expires_at timestamptz, created_at timestamptz
) language plpgsql as $$
#variable_conflict use_column
declare
  c record;
  h holds;
  whole holds;
begin
  perform 1 from accounts a
    where a.kind = 'wallet' and a.tenant_id = any(array(select x.tenant from json_to_recordset(p_commands) as x (tenant uuid)))
    order by a.id for update;
  for c in
    select * from json_to_recordset(p_commands) as x (
      ordinal integer, tenant uuid, currency text, key text, hash bytea, amount bigint, hold uuid, whole uuid, product text, reference text,
      description text, expires timestamptz, acceptable boolean, quote uuid) order by x.ordinal
  loop
    h := null;
    select * into h from holds where tenant_id = c.tenant and idempotency_key = c.key;
    if found then
      outcome := case when h.request_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
    elsif not c.acceptable then
      outcome := 'expiry_refused';
    else
      whole := null;
      select * into whole from holds where id = c.whole and tenant_id = c.tenant and currency = c.currency;
      outcome := case
        when whole.id is null then 'not_found'
        when whole.state <> 'held' then 'hold_' || whole.state
        when whole.captured_micros > 0 then 'hold_captured'
        when c.amount > whole.amount_micros then 'capture_exceeds_hold'
        when c.quote is not null then coalesce((
          select case when c.amount > q.total_micros then 'quote_exceeded' else 'done' end
            from quotes q where q.id = c.quote and q.tenant_id = c.tenant and q.currency = c.currency), 'quote_invalid')
        else 'done' end;
      if outcome = 'done' then
        update holds set amount_micros = amount_micros - c.amount, carved_micros = carved_micros + c.amount where id = whole.id;
        insert into holds (id, tenant_id, amount_micros, currency, product, reference, description, expires_at, first_expires_at, created_at,
                           idempotency_key, request_hash, quote_id, from_hold_id)
        values (c.hold, c.tenant, c.amount, c.currency, c.product, c.reference, c.description, c.expires, c.expires, whole.created_at,
                c.key, c.hash, c.quote, whole.id)
        returning * into h;
      end if;
    end if;
    return query select c.ordinal, outcome, h.id, h.amount_micros + h.carved_micros, h.currency, h.product, h.reference, h.description,
                        h.first_expires_at, h.created_at;
  end loop;
end $$;
`,
);
