import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Days and months of a zone begin with their first instant, also where the clocks skip midnight or show it twice. A charge for usage that an
 * operator has given back already is not given back again by a correction. What wakes a total while a worker rates it stays awake.
 */
export const calendarsAndCorrections = sqlMigration(
  '20261122-0129-calendars-and-corrections',
  `
-- The first instant at or after a midnight. Skipped or shown twice, it follows upon the last instant of the day before.
create function first_instant(p_midnight timestamp, p_zone text) returns timestamptz language sql stable as $$
  select least(p_midnight at time zone p_zone, (p_midnight - interval '1 microsecond') at time zone p_zone + interval '1 microsecond')
$$;
-- Of the day or month that an instant lies in, and of the one after it.
create function calendar_start(p_unit text, p_zone text, p_at timestamptz) returns timestamptz language sql stable as $$
  select first_instant(date_trunc(p_unit, p_at at time zone p_zone), p_zone)
$$;
create function calendar_end(p_unit text, p_zone text, p_at timestamptz) returns timestamptz language sql stable as $$
  select first_instant(date_trunc(p_unit, p_at at time zone p_zone) + ('1 ' || p_unit)::interval, p_zone)
$$;
create or replace function budget_window(p_interval text, p_zone text, p_at timestamptz) returns timestamptz language sql stable as $$
  select calendar_start(case p_interval when 'daily' then 'day' else 'month' end, p_zone, p_at)
$$;
create or replace function budget_window_end(p_interval text, p_zone text, p_start timestamptz) returns timestamptz language sql stable as $$
  select calendar_end(case p_interval when 'daily' then 'day' else 'month' end, p_zone, p_start)
$$;
-- What is counted stays counted where a window begins earlier than it did.
update budget_windows w set starts_at = budget_window(b.interval, b.zone, w.starts_at)
  from budgets b where b.id = w.budget_id and w.starts_at <> budget_window(b.interval, b.zone, w.starts_at);

-- A zone that the runtime knows and the database does not (a newer or an older name) counts as UTC; and so does an offset, which the two
-- read with opposite signs.
create function known_zone(p_zone text) returns text language plpgsql stable as $$
begin
  perform now() at time zone p_zone;
  return case when p_zone ~ '^[A-Za-z]' then p_zone else 'UTC' end;
exception when invalid_parameter_value then
  return 'UTC';
end $$;
update usage_periods set zone = 'UTC' where zone <> 'UTC' and known_zone(zone) = 'UTC';

-- Moves the total charged for one (tenant, period, meter) from p_from to p_to, with transfer, line and event.
-- charged · owed (the balance does not suffice; nothing moved) · lost (somebody else moved it meanwhile)
-- p_lease: until when the caller has claimed the total. Due before that, it was woken meanwhile.
create function charge_usage(
  p_tenant uuid, p_period uuid, p_meter text, p_from bigint, p_to bigint, p_quantity bigint, p_remainder bigint, p_plan text, p_included bigint,
  p_currency text, p_description text, p_transfers uuid[], p_retry_at timestamptz, p_now timestamptz,
  p_event uuid, p_subject text, p_headers jsonb, p_payload jsonb, p_lease timestamptz
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
      update usage_totals set owed_since = coalesce(owed_since, p_now), attempts = attempts + 1,
             due_at = case when due_at < p_lease then due_at else p_retry_at end
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
  end if;

  -- A rest that had ids left was given back by an operator before: it stays charged, and what is used later is paid out of it first.
  update usage_totals
     set charged_micros = p_to + rest, charge_count = charge_count + step, owed_since = null, attempts = 0,
         -- Usage that came while this was rated is looked at next, and so is what was woken.
         dirty_since = case when quantity <> p_quantity or due_at < p_lease or rest > 0 and step = cardinality(p_transfers) then p_now end,
         due_at = case when quantity <> p_quantity or due_at < p_lease or rest > 0 and step = cardinality(p_transfers) then p_now end
   where tenant_id = p_tenant and period_id = p_period and meter = p_meter
  returning * into u;
  if step > 0 then
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    values (p_event, p_subject, p_period || '/' || p_meter, u.charge_count, p_headers,
            convert_to((p_payload || jsonb_build_object('amount', money_json(p_currency, u.charged_micros - p_from),
                                                        'chargedTotal', money_json(p_currency, u.charged_micros)))::text, 'UTF8'));
  end if;
  return 'charged';
end $$;
-- As the release before calls it: nothing wakes what it rates.
create or replace function charge_usage(
  p_tenant uuid, p_period uuid, p_meter text, p_from bigint, p_to bigint, p_quantity bigint, p_remainder bigint, p_plan text, p_included bigint,
  p_currency text, p_description text, p_transfers uuid[], p_retry_at timestamptz, p_now timestamptz,
  p_event uuid, p_subject text, p_headers jsonb, p_payload jsonb
) returns text language sql as $$
  select charge_usage(p_tenant, p_period, p_meter, p_from, p_to, p_quantity, p_remainder, p_plan, p_included, p_currency, p_description,
                      p_transfers, p_retry_at, p_now, p_event, p_subject, p_headers, p_payload, '-infinity'::timestamptz)
$$;

-- Crossings of thresholds that the alert had before the present one.
alter table usage_alerts add column fired_before bigint not null default 0;
`,
);
