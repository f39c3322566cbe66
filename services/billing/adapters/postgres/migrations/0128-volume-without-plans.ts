import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * What comes back of a plan's fee is no part of a month's volume, as the fee is none: an upgrade took what it gave back out of what the
 * tenant had spent, and with it the volume discount that this had earned.
 */
export const volumeWithoutPlans = sqlMigration(
  '20261122-0128-volume-without-plans',
  `
create or replace function month_volume(p_tenant uuid, p_currency text, p_now timestamptz) returns month_volumes language plpgsql as $$
declare
  first_day timestamptz := date_trunc('month', p_now, 'UTC');
  v month_volumes;
  wallet uuid;
begin
  insert into month_volumes (tenant_id, currency, month, mark_at) values (p_tenant, p_currency, (first_day at time zone 'UTC')::date, first_day)
  on conflict do nothing;
  select * into strict v from month_volumes where tenant_id = p_tenant and currency = p_currency and month = (first_day at time zone 'UTC')::date for update;
  select id into wallet from accounts where tenant_id = p_tenant and currency = p_currency and kind = 'wallet';
  if not found then return v; end if;
  -- A wallet's entries are numbered without gaps, and their times never fall.
  with fresh as (
    select e.account_sequence, e.created_at, e.amount_micros, t.id, t.hold_id,
           -- A refund of a hold as a whole names no charge; whatever else is given back is of the kind of what it reverses.
           case when e.type = 'refund' and t.reverses_id is not null and o.type not in ('charge', 'usage') then 'other' else e.type end as type
      from entries e join transfers t on t.id = e.transfer_id left join transfers o on o.id = t.reverses_id
     where e.account_id = wallet and e.account_sequence is not null and e.created_at >= v.mark_at and e.account_sequence > v.mark_sequence
       and e.created_at < first_day + interval '1 month'
  ), counted as (
    select coalesce(-sum(amount_micros) filter (where type in ('charge', 'usage', 'refund')), 0) as spent,
           count(*) filter (where type = 'charge' and hold_id is null)
             + count(distinct hold_id) filter (where type = 'charge' and not exists (
                 select 1 from transfers o join entries x on x.transfer_id = o.id and x.account_id = wallet
                  where o.hold_id = fresh.hold_id and o.type = 'charge' and x.account_sequence <= v.mark_sequence and x.created_at >= first_day)) as purchases,
           max(account_sequence) as sequence, max(created_at) as at
      from fresh
  )
  update month_volumes m set spent_micros = m.spent_micros + c.spent, purchases = m.purchases + c.purchases, mark_sequence = c.sequence, mark_at = c.at
    from counted c where c.sequence is not null and m.tenant_id = v.tenant_id and m.currency = v.currency and m.month = v.month
  returning m.* into v;
  if not found then
    select * into strict v from month_volumes where tenant_id = p_tenant and currency = p_currency and month = (first_day at time zone 'UTC')::date;
  end if;
  return v;
end $$;

-- What was taken out of the counted months.
update month_volumes v set spent_micros = v.spent_micros + w.micros
  from (select m.tenant_id, m.currency, m.month, sum(e.amount_micros) as micros
          from transfers r join transfers o on o.id = r.reverses_id and o.type not in ('charge', 'usage')
          join entries e on e.transfer_id = r.id and e.account_sequence is not null
          join month_volumes m on m.tenant_id = r.tenant_id and m.currency = r.currency and e.account_sequence <= m.mark_sequence
           and e.created_at >= m.month::timestamp at time zone 'UTC' and e.created_at < (m.month + interval '1 month') at time zone 'UTC'
         where r.type = 'refund' and r.reverses_id is not null group by 1, 2, 3) w
 where w.tenant_id = v.tenant_id and w.currency = v.currency and w.month = v.month;
`,
);
