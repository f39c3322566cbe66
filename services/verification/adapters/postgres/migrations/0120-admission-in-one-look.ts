import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The rules of migrations 0030 and 0031, asked more cheaply; docs/adr/0067. What a tenant's purchases are decided by is read once for each tenant of
 * a batch, under the lock of its usage, and no longer for each purchase; a limit is looked up anew only where a purchase is on the other side of a tenant's
 * first days. A change that neither opens nor ends a purchase, as most are, is known as such before anything is counted.
 */
export const admissionInOneLook = sqlMigration(
  '20261121-0120-admission-in-one-look',
  `
create or replace function policy_admit(
  p_rules jsonb, p_ids uuid[], p_tenants uuid[], p_keys text[], p_services text[], p_classes text[], p_countries text[], p_providers text[],
  p_prices bigint[], p_ats timestamptz[]
) returns table (id uuid, reason text, limit_value bigint, retry_after_ms bigint, new_account boolean)
  language plpgsql
  -- Plans of a nearly empty table would be kept while it grows: every access here is by key.
  set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  floor_rule jsonb := p_rules -> 'successFloor';
  floor_outcomes bigint := floor_rule ->> 'minOutcomes';
  floor_percent bigint := floor_rule ->> 'percent';
  newcomer jsonb := p_rules -> 'newAccount';
  one_tenant boolean := p_tenants[1] = all(p_tenants);
  c record;
  u policy_usage;
  current uuid;
  settings record;
  level jsonb;
  restricted boolean;
  new_until timestamptz;
  limits_new boolean;
  known text[];
  switched text;
  class text;
  paid bigint;
  outcomes bigint;
  max_open bigint; max_purchases bigint; max_cancels bigint; max_spend bigint;
  v_new boolean;
  v_reason text; v_limit bigint; v_retry bigint;
begin
  for c in
    select * from unnest(p_ids, p_tenants, p_keys, p_services, p_classes, p_countries, p_providers, p_prices, p_ats) with ordinality
      as i (id, tenant, key, service, class, country, provider, price, at, position)
    order by tenant, position
  loop
    if c.tenant is distinct from current then
      if current is not null then
        update policy_usage set open = u.open, hour = u.hour, purchases = u.purchases, purchases_before = u.purchases_before,
          cancels = u.cancels, cancels_before = u.cancels_before, day = u.day, spent_micros = u.spent_micros, paid = u.paid,
          paid_before = u.paid_before, unpaid = u.unpaid, unpaid_before = u.unpaid_before, blocked_until = u.blocked_until
        where tenant_id = current;
      end if;
      current := c.tenant;
      -- Tenants are locked in their order, so batches cannot wait for each other.
      select * into u from policy_usage where tenant_id = current for update;
      if not found then
        insert into policy_tenants (tenant_id, since)
          select current, min(i.at) from unnest(p_tenants, p_ats) i (tenant, at) where i.tenant = current on conflict do nothing;
        insert into policy_usage (tenant_id, hour, day)
          select current, date_trunc('hour', min(i.at), 'UTC'), date_trunc('day', min(i.at), 'UTC')
            from unnest(p_tenants, p_ats) i (tenant, at) where i.tenant = current on conflict do nothing;
        select * into u from policy_usage where tenant_id = current for update;
      end if;
      -- After the lock: what was decided and set before it counts.
      select t.kyc_level, t.since, t.limits,
        (select array_agg(s.scope || ' ' || s.target) from policy_switches s
          where (s.scope = 'tenant' and s.target = current::text) or (s.scope = 'service' and s.target = any(p_services))
             or (s.scope = 'provider' and s.target = any(p_providers))) as off,
        (select jsonb_object_agg(o.service, o.class) from policy_classes o where o.tenant_id = current and o.service = any(p_services)) as classes,
        array(select v.idempotency_key from verifications v where v.tenant_id = current and v.idempotency_key = any(
          case when one_tenant then p_keys else array(select k.key from unnest(p_tenants, p_keys) k (tenant, key) where k.tenant = current) end
        )) as known
      into settings from (select current as tenant_id) asked left join policy_tenants t using (tenant_id);
      level := p_rules -> 'levels' -> settings.kyc_level::integer;
      restricted := (level ->> 'restricted')::boolean;
      known := settings.known;
      new_until := case when settings.kyc_level < (newcomer ->> 'belowLevel')::integer
        then settings.since + (newcomer ->> 'lifeMs')::bigint * interval '1 millisecond' else '-infinity' end;
      limits_new := null;
    end if;
    if c.at >= u.hour + interval '1 hour' or c.at >= u.day + interval '1 day' then u := policy_usage_at(u, c.at); end if;
    v_limit := null; v_retry := null;
    v_new := c.at < new_until;
    if c.key = any(known) then
      v_reason := 'known';
    else
      if v_new is distinct from limits_new then
        limits_new := v_new;
        max_open := (level ->> 'maxOpen')::bigint;
        max_purchases := (level ->> 'maxPurchasesPerHour')::bigint;
        max_cancels := (level ->> 'maxCancelsPerHour')::bigint;
        max_spend := (level ->> 'maxSpendPerDayMicros')::bigint;
        if v_new then
          max_open := least(max_open, (newcomer ->> 'maxOpen')::bigint);
          max_purchases := least(max_purchases, (newcomer ->> 'maxPurchasesPerHour')::bigint);
          max_cancels := least(max_cancels, (newcomer ->> 'maxCancelsPerHour')::bigint);
          max_spend := least(max_spend, (newcomer ->> 'maxSpendPerDayMicros')::bigint);
        end if;
        if settings.limits <> '{}' then
          max_open := coalesce((settings.limits ->> 'maxOpen')::bigint, max_open);
          max_purchases := coalesce((settings.limits ->> 'maxPurchasesPerHour')::bigint, max_purchases);
          max_cancels := coalesce((settings.limits ->> 'maxCancelsPerHour')::bigint, max_cancels);
          max_spend := coalesce((settings.limits ->> 'maxSpendPerDayMicros')::bigint, max_spend);
        end if;
      end if;
      switched := case
        when settings.off is null then null
        when 'tenant ' || current::text = any(settings.off) then 'tenant'
        when 'service ' || c.service = any(settings.off) then 'service'
        when 'provider ' || c.provider = any(settings.off) then 'provider' end;
      class := coalesce(settings.classes ->> c.service, c.class);
      -- What slides in from the period before, where there is anything.
      paid := case when u.paid_before = 0 then u.paid else policy_slid(u.paid, u.paid_before, u.day, c.at, 86400000) end;
      outcomes := paid + case when u.unpaid_before = 0 then u.unpaid else policy_slid(u.unpaid, u.unpaid_before, u.day, c.at, 86400000) end;
      if switched is not null then
        v_reason := switched || '_switched_off';
      elsif class = 'blocked' then
        v_reason := 'service_blocked';
      elsif class = 'restricted' and not restricted then
        v_reason := 'kyc_required';
      elsif u.blocked_until > c.at then
        v_reason := 'success_floor'; v_limit := floor_percent;
        v_retry := floor(extract(epoch from u.blocked_until - c.at) * 1000);
      elsif outcomes >= floor_outcomes and paid * 100 < floor_percent * outcomes then
        v_reason := 'success_floor'; v_limit := floor_percent; v_retry := (floor_rule ->> 'blockMs')::bigint;
        u.paid := 0; u.paid_before := 0; u.unpaid := 0; u.unpaid_before := 0;
        u.blocked_until := c.at + v_retry * interval '1 millisecond';
      elsif u.open >= max_open then
        v_reason := 'open_activations'; v_limit := max_open;
      elsif (case when u.purchases_before = 0 then u.purchases
                  else policy_slid(u.purchases, u.purchases_before, u.hour, c.at, 3600000) end) >= max_purchases then
        v_reason := 'purchases_per_hour'; v_limit := max_purchases;
        v_retry := greatest(1000, 3600000 - floor(extract(epoch from c.at - u.hour) * 1000)::bigint);
      elsif (case when u.cancels_before = 0 then u.cancels
                  else policy_slid(u.cancels, u.cancels_before, u.hour, c.at, 3600000) end) >= max_cancels then
        v_reason := 'cancels_per_hour'; v_limit := max_cancels;
        v_retry := greatest(1000, 3600000 - floor(extract(epoch from c.at - u.hour) * 1000)::bigint);
      elsif u.spent_micros + c.price > max_spend then
        v_reason := 'spend_per_day'; v_limit := max_spend;
        v_retry := greatest(1000, 86400000 - floor(extract(epoch from c.at - u.day) * 1000)::bigint);
      else
        v_reason := '';
        u.open := u.open + 1; u.purchases := u.purchases + 1; u.spent_micros := u.spent_micros + c.price;
        known := known || c.key;
      end if;
      if v_reason <> '' then
        insert into policy_decisions (id, kind, tenant_id, reason, service, country, provider, detail, first_at, at)
        values (c.id, 'refused', current, v_reason, c.service, c.country, c.provider,
          jsonb_strip_nulls(jsonb_build_object('limit', v_limit, 'newAccount', nullif(v_new, false))), date_trunc('minute', c.at), c.at)
        on conflict (tenant_id, reason, service, provider, first_at) where kind = 'refused'
          do update set times = policy_decisions.times + 1, at = greatest(policy_decisions.at, excluded.at);
      end if;
    end if;
    id := c.id; reason := v_reason; limit_value := v_limit; retry_after_ms := v_retry; new_account := v_new;
    return next;
  end loop;
  if current is not null then
    update policy_usage set open = u.open, hour = u.hour, purchases = u.purchases, purchases_before = u.purchases_before,
      cancels = u.cancels, cancels_before = u.cancels_before, day = u.day, spent_micros = u.spent_micros, paid = u.paid,
      paid_before = u.paid_before, unpaid = u.unpaid, unpaid_before = u.unpaid_before, blocked_until = u.blocked_until
    where tenant_id = current;
  end if;
end $$;

create or replace function policy_track() returns trigger language plpgsql
  set enable_seqscan = off as $$
declare
  d record;
  u policy_usage;
begin
  -- Most changes neither open nor end one.
  if not exists (select 1 from new_rows where not policy_is_open(state))
    and not exists (select 1 from old_rows where not policy_is_open(state)) then
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
