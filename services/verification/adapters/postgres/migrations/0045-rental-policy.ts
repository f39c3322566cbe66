import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Acceptable use of rentals, decided like that of activations (0030): under the lock of the tenant's row of usage, in the
 * transaction that writes the order. The rule is domain/policy/admit-rental.ts; a model test compares the two.
 */
export const rentalPolicy = sqlMigration(
  '20261121-0045-rental-policy',
  `
-- reason: '' allowed · 'known' the key has an order already · else a refusal, written down.
create function policy_admit_rental(
  p_rules jsonb, p_id uuid, p_tenant uuid, p_key text, p_kind text, p_service text, p_class text, p_country text, p_provider text,
  p_price bigint, p_at timestamptz
) returns table (id uuid, reason text, limit_value bigint, retry_after_ms bigint, new_account boolean)
  language plpgsql
  set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  newcomer jsonb := p_rules -> 'newAccount';
  u policy_usage;
  settings policy_tenants;
  level jsonb;
  own jsonb;
  switched text;
  class text;
  v_new boolean;
  max_rentals bigint; max_purchases bigint; max_cancels bigint; max_spend bigint;
  v_reason text; v_limit bigint; v_retry bigint;
begin
  select * into u from policy_usage where tenant_id = p_tenant for update;
  if not found then
    insert into policy_tenants (tenant_id, since) values (p_tenant, p_at) on conflict do nothing;
    insert into policy_usage (tenant_id, hour, day)
      values (p_tenant, date_trunc('hour', p_at, 'UTC'), date_trunc('day', p_at, 'UTC')) on conflict do nothing;
    select * into u from policy_usage where tenant_id = p_tenant for update;
  end if;
  if exists (select 1 from rental_orders o where o.tenant_id = p_tenant and o.idempotency_key = p_key) then
    return query select p_id, 'known', null::bigint, null::bigint, false;
    return;
  end if;
  select * into settings from policy_tenants where tenant_id = p_tenant;
  level := p_rules -> 'levels' -> settings.kyc_level::integer;
  own := settings.limits;
  u := policy_usage_at(u, p_at);
  v_new := settings.kyc_level < (newcomer ->> 'belowLevel')::integer
    and p_at < settings.since + (newcomer ->> 'lifeMs')::bigint * interval '1 millisecond';
  select s.scope into switched from policy_switches s
   where (s.scope = 'tenant' and s.target = p_tenant::text) or (s.scope = 'service' and s.target = p_service)
      or (s.scope = 'provider' and s.target = p_provider)
   order by array_position(array['tenant', 'service', 'provider'], s.scope) limit 1;
  select coalesce((select o.class from policy_classes o where o.tenant_id = p_tenant and o.service = p_service), p_class) into class;
  max_rentals := (level ->> 'maxOpenRentals')::bigint;
  max_purchases := (level ->> 'maxPurchasesPerHour')::bigint;
  max_cancels := (level ->> 'maxCancelsPerHour')::bigint;
  max_spend := (level ->> 'maxSpendPerDayMicros')::bigint;
  if v_new then
    max_rentals := least(max_rentals, (newcomer ->> 'maxOpenRentals')::bigint);
    max_purchases := least(max_purchases, (newcomer ->> 'maxPurchasesPerHour')::bigint);
    max_cancels := least(max_cancels, (newcomer ->> 'maxCancelsPerHour')::bigint);
    max_spend := least(max_spend, (newcomer ->> 'maxSpendPerDayMicros')::bigint);
  end if;
  max_rentals := coalesce((own ->> 'maxOpenRentals')::bigint, max_rentals);
  max_purchases := coalesce((own ->> 'maxPurchasesPerHour')::bigint, max_purchases);
  max_cancels := coalesce((own ->> 'maxCancelsPerHour')::bigint, max_cancels);
  max_spend := coalesce((own ->> 'maxSpendPerDayMicros')::bigint, max_spend);
  v_reason := '';
  if switched is not null then
    v_reason := switched || '_switched_off';
  elsif class = 'blocked' then
    v_reason := 'service_blocked';
  elsif class = 'restricted' and not (level ->> 'restricted')::boolean then
    v_reason := 'kyc_required';
  elsif p_kind = 'purchase' and (
    select count(*) from rentals r where r.tenant_id = p_tenant and r.state in ('ordering', 'active', 'releasing')
  ) >= max_rentals then
    v_reason := 'open_rentals'; v_limit := max_rentals;
  elsif p_kind = 'purchase' and policy_slid(u.purchases, u.purchases_before, u.hour, p_at, 3600000) >= max_purchases then
    v_reason := 'purchases_per_hour'; v_limit := max_purchases;
    v_retry := greatest(1000, 3600000 - floor(extract(epoch from p_at - u.hour) * 1000)::bigint);
  elsif p_kind = 'purchase' and policy_slid(u.cancels, u.cancels_before, u.hour, p_at, 3600000) >= max_cancels then
    v_reason := 'cancels_per_hour'; v_limit := max_cancels;
    v_retry := greatest(1000, 3600000 - floor(extract(epoch from p_at - u.hour) * 1000)::bigint);
  elsif p_kind <> 'renewal' and u.spent_micros + p_price > max_spend then
    v_reason := 'spend_per_day'; v_limit := max_spend;
    v_retry := greatest(1000, 86400000 - floor(extract(epoch from p_at - u.day) * 1000)::bigint);
  end if;
  if v_reason = '' then
    u.purchases := u.purchases + (p_kind = 'purchase')::integer;
    u.spent_micros := u.spent_micros + p_price;
    perform policy_store(u);
  else
    insert into policy_decisions (id, kind, tenant_id, reason, service, country, provider, detail, first_at, at)
    values (p_id, 'refused', p_tenant, v_reason, p_service, p_country, p_provider,
      jsonb_strip_nulls(jsonb_build_object('rental', p_kind, 'limit', v_limit, 'newAccount', nullif(v_new, false))),
      date_trunc('minute', p_at), p_at)
    on conflict (tenant_id, reason, service, provider, first_at) where kind = 'refused'
      do update set times = policy_decisions.times + 1, at = greatest(policy_decisions.at, excluded.at);
  end if;
  return query select p_id, v_reason, v_limit, v_retry, v_new;
end $$;

-- What was never granted was no purchase, and what is given back on the same day may be spent again. An order's due time is the
-- moment of the change when it begins to go back.
create function policy_track_rental() returns trigger language plpgsql set enable_seqscan = off as $$
declare
  u policy_usage;
  v_at timestamptz := coalesce(new.due_at, new.created_at);
  v_back bigint := new.refund_micros - old.refund_micros;
begin
  select * into u from policy_usage where tenant_id = new.tenant_id for update;
  if not found then return null; end if;
  u := policy_usage_at(u, v_at);
  if new.state = 'voiding' and old.state <> 'voiding' then
    v_back := new.price_micros;
    if new.kind = 'purchase' and date_trunc('hour', new.created_at, 'UTC') = u.hour then u.purchases := greatest(0, u.purchases - 1); end if;
  end if;
  if date_trunc('day', new.created_at, 'UTC') = u.day then u.spent_micros := greatest(0, u.spent_micros - v_back); end if;
  perform policy_store(u);
  return null;
end $$;
create trigger rental_orders_policy after update on rental_orders for each row
  when (new.state = 'voiding' and old.state <> 'voiding' or new.refund_micros > old.refund_micros)
  execute function policy_track_rental();
`,
);
