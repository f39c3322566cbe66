import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * What was used, what it costs, what was charged for it. Every event is kept for ever under its own id, which is what makes counting it
 * twice impossible; totals and days are kept in the statement that keeps the event. No foreign keys on the path of events: a
 * check per row would cost more than the row; the audit proves what they would have guarded.
 */
export const usage = sqlMigration(
  '20261121-0050-usage',
  `
create extension if not exists btree_gist;

create table usage_periods (
  id uuid primary key,
  tenant_id uuid not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  zone text not null,
  created_at timestamptz not null,
  constraint usage_periods_forward check (ends_at > starts_at),
  -- An instant of a tenant belongs to one period, whatever the code above does.
  constraint usage_periods_once exclude using gist (tenant_id with =, tstzrange(starts_at, ends_at) with &&)
);
create unique index usage_periods_tenant on usage_periods (tenant_id, starts_at);

create table usage_events (
  tenant_id uuid not null,
  meter text not null,
  event_id text not null,
  quantity bigint not null check (quantity <> 0),
  occurred_at timestamptz not null,
  recorded_at timestamptz not null,
  period_id uuid not null,
  properties jsonb,
  primary key (tenant_id, meter, event_id)
);
create trigger usage_events_kept before update or delete or truncate on usage_events for each statement execute function refuse_change();

create table usage_totals (
  tenant_id uuid not null,
  period_id uuid not null,
  meter text not null,
  quantity bigint not null,
  event_count bigint not null,
  -- Of the last rating.
  rated_quantity bigint not null default 0,
  rated_micros bigint not null default 0 check (rated_micros >= 0),
  remainder_picos bigint not null default 0,
  plan text not null default '',
  included bigint not null default 0,
  charged_micros bigint not null default 0 check (charged_micros >= 0),
  charge_count integer not null default 0,
  -- Since when more is rated than charged because the balance did not suffice.
  owed_since timestamptz,
  attempts integer not null default 0,
  -- Since when there is usage that was not charged; and when the worker looks at it. Null: nothing to do.
  dirty_since timestamptz,
  due_at timestamptz,
  updated_at timestamptz not null,
  primary key (tenant_id, period_id, meter)
) with (fillfactor = 70);
create index usage_totals_due on usage_totals (due_at) where due_at is not null;
create index usage_totals_owed on usage_totals (tenant_id) where owed_since is not null;

-- Days of the tenant's own calendar.
create table usage_days (
  tenant_id uuid not null,
  day date not null,
  meter text not null,
  quantity bigint not null,
  primary key (tenant_id, day, meter)
) with (fillfactor = 70);

-- Each amount that was charged for a total, or given back; numbered, so that none can be there twice.
create table usage_charges (
  tenant_id uuid not null,
  period_id uuid not null,
  meter text not null,
  number integer not null,
  -- Of a part that was given back, the transfers are those that reverse earlier ones.
  transfer_id uuid not null unique,
  amount_micros bigint not null check (amount_micros <> 0),
  quantity bigint not null,
  created_at timestamptz not null,
  primary key (tenant_id, period_id, meter, number)
);
create trigger usage_charges_kept before update or delete or truncate on usage_charges for each statement execute function refuse_change();

-- Moves the total charged for one (tenant, period, meter) from p_from to p_to, with transfer, line and event.
-- charged · owed (the balance does not suffice; nothing moved) · lost (somebody else moved it meanwhile)
create function charge_usage(
  p_tenant uuid, p_period uuid, p_meter text, p_from bigint, p_to bigint, p_quantity bigint, p_remainder bigint, p_plan text, p_included bigint,
  p_currency text, p_description text, p_transfers uuid[], p_retry_at timestamptz, p_now timestamptz,
  p_event uuid, p_subject text, p_headers jsonb, p_payload jsonb
) returns text language plpgsql as $$
declare
  u usage_totals;
  line record;
  rest bigint;
  part bigint;
  step integer := 0;
begin
  update usage_totals
     set rated_quantity = p_quantity, rated_micros = p_to, remainder_picos = p_remainder, plan = p_plan, included = p_included, updated_at = p_now
   where tenant_id = p_tenant and period_id = p_period and meter = p_meter and charged_micros = p_from
  returning * into u;
  if not found then return 'lost'; end if;

  if p_to > p_from then
    if not post_to_wallet(p_transfers[1], p_tenant, p_currency, p_from - p_to, 0, 'usage', 'revenue', 'usage', p_description,
                          p_period::text || '/' || p_meter, null, null,
                          'usage/' || p_period || '/' || p_meter || '/' || (u.charge_count + 1), null, p_now) then
      update usage_totals set owed_since = coalesce(owed_since, p_now), attempts = attempts + 1, due_at = p_retry_at
       where tenant_id = p_tenant and period_id = p_period and meter = p_meter;
      return 'owed';
    end if;
    step := 1; rest := 0;
    insert into usage_charges values (p_tenant, p_period, p_meter, u.charge_count + 1, p_transfers[1], p_to - p_from, p_quantity, p_now);
  else
    -- Too much was charged (a correction, a cheaper tier, a better plan): newest charge first, to the credit that each came from.
    -- As many at once as there are ids for them; the rest follows in the next look.
    rest := p_from - p_to;
    for line in
      select c.transfer_id, c.amount_micros - coalesce((select sum(r.amount_micros) from transfers r where r.reverses_id = c.transfer_id), 0) as amount
        from usage_charges c
       where c.tenant_id = p_tenant and c.period_id = p_period and c.meter = p_meter and c.amount_micros > 0 order by c.number desc
    loop
      exit when rest = 0 or step = cardinality(p_transfers);
      part := least(rest, line.amount);
      continue when part <= 0;
      step := step + 1;
      if reverse_transfer(p_transfers[step], p_tenant, line.transfer_id, part, 'refund', p_description, p_period::text || '/' || p_meter, null, null, p_now) <> 'done' then
        raise exception 'usage charge % cannot be given back', line.transfer_id;
      end if;
      insert into usage_charges values (p_tenant, p_period, p_meter, u.charge_count + step, p_transfers[step], -part, p_quantity, p_now);
      rest := rest - part;
    end loop;
    if rest > 0 and step < cardinality(p_transfers) then raise exception 'more would be given back for % than was charged', p_period; end if;
  end if;

  update usage_totals
     set charged_micros = p_to + rest, charge_count = charge_count + step, owed_since = null, attempts = 0,
         -- Usage that came while this was rated is looked at next.
         dirty_since = case when quantity <> p_quantity or rest > 0 then p_now end, due_at = case when quantity <> p_quantity or rest > 0 then p_now end
   where tenant_id = p_tenant and period_id = p_period and meter = p_meter
  returning * into u;
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  values (p_event, p_subject, p_period || '/' || p_meter, u.charge_count, p_headers,
          convert_to((p_payload || jsonb_build_object('amount', money_json(p_currency, u.charged_micros - p_from),
                                                      'chargedTotal', money_json(p_currency, u.charged_micros)))::text, 'UTF8'));
  return 'charged';
end $$;
`,
);
