import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * A number is finished a minute after its code, in batches of the scheduler. For a tenant's usage nothing changes by that: the code ended the
 * purchase. The function of migration 0120 used to lock, roll on and write the usage all the same, one row that every purchase of the
 * tenant waits for.
 */
export const finishedIsNotCounted = sqlMigration(
  '20261121-0131-finished-is-not-counted',
  `
create or replace function policy_track() returns trigger language plpgsql
  set enable_seqscan = off as $$
declare
  d record;
  u policy_usage;
begin
  -- Most changes neither open nor end one: all that changed is open before and after,
  if not exists (select 1 from new_rows where not policy_is_open(state))
    and not exists (select 1 from old_rows where not policy_is_open(state)) then
    return null;
  end if;
  -- or is finished, having had its code, which ended it.
  if not exists (select 1 from new_rows where state <> 'completed')
    and not exists (select 1 from old_rows where policy_is_open(state)) then
    return null;
  end if;
  for d in
    select n.tenant_id, max(coalesce(n.ended_at, n.received_at, n.created_at)) as at,
           sum(policy_is_open(n.state)::integer - policy_is_open(o.state)::integer)::integer as opened,
           count(*) filter (where n.state = 'cancelled' and n.reason = 'cancelled_by_customer') as cancels,
           count(*) filter (where n.state = 'received' and o.state <> 'retrying') as paid,
           count(*) filter (where n.state in ('cancelled', 'expired') and n.reason in ('cancelled_by_customer', 'no_code_in_time')) as unpaid,
           -- What never became a number was no purchase.
           count(*) filter (where n.state = 'failed' and date_trunc('hour', n.created_at, 'UTC') = date_trunc('hour', n.ended_at, 'UTC')) as failed,
           coalesce(sum(n.price_micros) filter (where n.state in ('cancelled', 'expired', 'failed')
             and date_trunc('day', n.created_at, 'UTC') = date_trunc('day', n.ended_at, 'UTC')), 0)::bigint as given_back,
           array_agg(n.id) filter (where n.state in ('cancelled', 'expired', 'failed')) as unsold,
           array_agg(n.id) filter (where n.reason = 'reported_by_customer' and n.state = 'cancelled') as reported
      from new_rows n join old_rows o on o.id = n.id
     where n.state <> o.state and not policy_is_open(n.state) or policy_is_open(n.state) <> policy_is_open(o.state)
     group by n.tenant_id order by n.tenant_id
  loop
    if d.reported is not null then
      insert into number_reports (number_hash, service, tenant_id, reported_at)
        select distinct l.number_hash, l.service, l.tenant_id, d.at from number_leases l where l.verification_id = any(d.reported)
        on conflict (number_hash, service, tenant_id) do update set reported_at = excluded.reported_at, weighed = false;
    end if;
    if d.unsold is not null then
      update number_leases set free = true where verification_id = any(d.unsold);
    end if;
    select * into u from policy_usage where tenant_id = d.tenant_id for update;
    continue when not found;
    u := policy_usage_at(u, d.at);
    u.open := greatest(0, u.open + d.opened);
    u.cancels := u.cancels + d.cancels;
    u.paid := u.paid + d.paid;
    u.unpaid := u.unpaid + d.unpaid;
    if date_trunc('hour', d.at, 'UTC') = u.hour then u.purchases := greatest(0, u.purchases - d.failed); end if;
    if date_trunc('day', d.at, 'UTC') = u.day then u.spent_micros := greatest(0, u.spent_micros - d.given_back); end if;
    update policy_usage set open = u.open, hour = u.hour, purchases = u.purchases, purchases_before = u.purchases_before,
      cancels = u.cancels, cancels_before = u.cancels_before, day = u.day, spent_micros = u.spent_micros, paid = u.paid,
      paid_before = u.paid_before, unpaid = u.unpaid, unpaid_before = u.unpaid_before, blocked_until = u.blocked_until
    where tenant_id = u.tenant_id;
  end loop;
  return null;
end $$;
`,
);
