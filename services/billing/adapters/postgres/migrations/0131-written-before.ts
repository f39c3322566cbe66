import { sqlMigration } from '#platform/postgres/index.ts';

/** What the release before 0126 has written, or still writes while it is replaced, is understood as what it meant. */
export const writtenBefore = sqlMigration(
  '20261122-0131-written-before',
  `
-- As before, and with the hash of what was asked for: the gateway that was chosen for it may be another one each time. A retry is found also
-- under the key of the release before, which had the gateway in it that was asked for, or none. A top-up that failed and is tried again is
-- its owner's payment from then on: of automatic ones another may be under way, and none waits for a person.
create function add_attempt(
  p_id uuid, p_tenant uuid, p_payment uuid, p_gateway text, p_key text, p_hash bytea, p_after uuid, p_refused text, p_now timestamptz, p_next timestamptz
) returns text language plpgsql as $$
declare
  p payments;
  a payment_attempts;
  last integer;
begin
  select * into p from payments where id = p_payment and tenant_id = p_tenant for update;
  if not found then return 'not_found'; end if;
  select * into a from payment_attempts where payment_id = p.id and idempotency_key = p_key;
  if found then return case when a.request_hash = p_hash or p_hash is null and a.gateway = p_gateway then 'replayed' else 'idempotency_conflict' end; end if;
  if p_hash is not null and exists (
    select from payment_attempts where payment_id = p.id and request_hash is null
       and idempotency_key in (regexp_replace(p_key, '^retry:', 'retry::'), regexp_replace(p_key, '^retry:', 'retry:' || p_gateway || ':'))) then
    return 'replayed';
  end if;
  if p.status not in ('pending', 'failed') then return 'settled'; end if;
  if p_after is not null and p.attempt_id <> p_after then return 'replayed'; end if;
  select max(ordinal) into last from payment_attempts where payment_id = p.id;
  if last >= 10 then return 'exhausted'; end if;
  insert into payment_attempts (id, payment_id, tenant_id, ordinal, gateway, idempotency_key, request_hash, next_check_at, created_at)
  values (p_id, p.id, p.tenant_id, last + 1, p_gateway, p_key, p_hash, p_next, p_now);
  if p_refused <> '' then
    update payment_attempts set status = 'failed', failure_reason = p_refused, settled_at = p_now where id = p_after and status = 'pending';
  end if;
  update payments set attempt_id = p_id, gateway = p_gateway, gateway_payment_id = '', checkout_url = '', status = 'pending', failure_reason = '',
         settled_at = null, version = version + 1, automatic = automatic and status = 'pending'
   where id = p.id;
  return 'done';
end $$;

-- As the release before calls it: a retry that the new one made is the same, whatever gateway is chosen for it now.
create or replace function add_attempt(
  p_id uuid, p_tenant uuid, p_payment uuid, p_gateway text, p_key text, p_after uuid, p_refused text, p_now timestamptz, p_next timestamptz
) returns text language sql as $$
  select case
    when exists (select from payment_attempts where tenant_id = p_tenant and payment_id = p_payment and request_hash is not null
                    and idempotency_key = regexp_replace(p_key, '^retry:[^:]*:', 'retry:')) then 'replayed'
    else add_attempt(p_id, p_tenant, p_payment, p_gateway, p_key, null, p_after, p_refused, p_now, p_next) end
$$;

-- Where 0129 let a running window begin earlier, its alerts have seen it, not another one that is yet to come.
update usage_alerts a set seen_scope = extract(epoch from budget_window(b.interval, b.zone, to_timestamp(a.seen_scope::bigint)))::bigint::text
  from budgets b
 where b.id = a.budget_id and a.seen_scope is not null
   and to_timestamp(a.seen_scope::bigint) <> budget_window(b.interval, b.zone, to_timestamp(a.seen_scope::bigint));
`,
);
