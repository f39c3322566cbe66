import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Acceptable use. Limits are decided by `policy_admit`, called inside the statement that writes a purchase: it locks the tenant's
 * row of usage first, so purchases of one tenant are decided one after the other, whichever replica they arrive at, and reads what
 * it decides by afterwards, so nothing is cached and an operator's word counts from the next statement on. What ends is counted by
 * a trigger, in the transaction that ends it: no path can forget it. The rule itself is domain/policy/admit.ts; a model test
 * compares the two.
 */
export const policy = sqlMigration(
  '20261121-0030-policy',
  `
-- What operators have set, and since when we know the tenant.
create table policy_tenants (
  tenant_id uuid primary key,
  since timestamptz not null,
  kyc_level smallint not null default 0 check (kyc_level between 0 and 3),
  kyc_purpose text not null default '',
  -- maxOpen, maxPurchasesPerHour, maxCancelsPerHour, maxSpendPerDayMicros: instead of the level's
  limits jsonb not null default '{}'
);

-- One row for each tenant that buys: its lock and its counts. domain/policy/usage.ts says what they mean.
create table policy_usage (
  tenant_id uuid primary key,
  open integer not null default 0,
  hour timestamptz not null,
  purchases integer not null default 0,
  purchases_before integer not null default 0,
  cancels integer not null default 0,
  cancels_before integer not null default 0,
  day timestamptz not null,
  spent_micros bigint not null default 0,
  paid integer not null default 0,
  paid_before integer not null default 0,
  unpaid integer not null default 0,
  unpaid_before integer not null default 0,
  blocked_until timestamptz,
  acknowledgements integer not null default 0,
  acknowledged_since timestamptz
) with (fillfactor = 50);

create table policy_switches (
  scope text not null check (scope in ('tenant', 'service', 'provider')),
  target text not null,
  id uuid not null unique,
  reason text not null,
  set_by text not null,
  set_at timestamptz not null,
  primary key (scope, target)
);

-- An operator's word about one service for one tenant, before the catalogue's.
create table policy_classes (
  tenant_id uuid not null,
  service text not null,
  class text not null check (class in ('open', 'restricted', 'blocked')),
  reason text not null,
  set_by text not null,
  set_at timestamptz not null,
  primary key (tenant_id, service)
);

-- Every refusal and every act of an operator. Repetitions of a refusal within a minute are one row.
create table policy_decisions (
  id uuid primary key,
  kind text not null,
  tenant_id uuid,
  reason text not null,
  service text,
  country text,
  provider text,
  verification_id uuid,
  actor text,
  note text not null default '',
  detail jsonb not null default '{}',
  first_at timestamptz not null,
  at timestamptz not null,
  times integer not null default 1
);
create index policy_decisions_by_tenant on policy_decisions (tenant_id, id);
create index policy_decisions_by_kind on policy_decisions (kind, id);
create unique index policy_decisions_repeated on policy_decisions (tenant_id, reason, service, provider, first_at) where kind = 'refused';

insert into policy_tenants (tenant_id, since) select tenant_id, min(created_at) from verifications group by tenant_id;
insert into policy_usage (tenant_id, hour, day, open)
  select tenant_id, date_trunc('hour', now(), 'UTC'), date_trunc('day', now(), 'UTC'),
         count(*) filter (where state in ('reserving', 'unknown', 'waiting', 'cancelling'))
    from verifications group by tenant_id;

create function policy_usage_at(u policy_usage, p_at timestamptz) returns policy_usage language plpgsql immutable as $$
declare
  hours bigint := extract(epoch from date_trunc('hour', p_at, 'UTC') - u.hour)::bigint / 3600;
  days bigint := extract(epoch from date_trunc('day', p_at, 'UTC') - u.day)::bigint / 86400;
begin
  if hours > 0 then
    u.purchases_before := case when hours = 1 then u.purchases else 0 end;
    u.cancels_before := case when hours = 1 then u.cancels else 0 end;
    u.purchases := 0; u.cancels := 0; u.hour := date_trunc('hour', p_at, 'UTC');
  end if;
  if days > 0 then
    u.paid_before := case when days = 1 then u.paid else 0 end;
    u.unpaid_before := case when days = 1 then u.unpaid else 0 end;
    u.paid := 0; u.unpaid := 0; u.spent_micros := 0; u.day := date_trunc('day', p_at, 'UTC');
  end if;
  return u;
end $$;

-- What counts of the period before, in whole units.
create function policy_slid(p_now integer, p_before integer, p_from timestamptz, p_at timestamptz, p_period_ms bigint) returns bigint
  language sql immutable as $$
  select p_now + p_before * greatest(0, least(p_period_ms, p_period_ms - floor(extract(epoch from p_at - p_from) * 1000)::bigint)) / p_period_ms
$$;

-- reason: '' allowed · 'known' the key has a purchase already · else a refusal of domain/policy/admit.ts, written down.
create function policy_admit(
  p_rules jsonb, p_ids uuid[], p_tenants uuid[], p_keys text[], p_services text[], p_classes text[], p_countries text[], p_providers text[],
  p_prices bigint[], p_ats timestamptz[]
) returns table (id uuid, reason text, limit_value bigint, retry_after_ms bigint, new_account boolean)
  language plpgsql
  -- Plans of a nearly empty table would be kept while it grows: every access here is by key.
  set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  floor_rule jsonb := p_rules -> 'successFloor';
  newcomer jsonb := p_rules -> 'newAccount';
  wanted integer := (select count(distinct t) from unnest(p_tenants) t);
  locked integer;
  c record;
  u policy_usage;
  settings policy_tenants;
  level jsonb;
  own jsonb;
  current uuid;
  seen text[];
  switched text;
  class text;
  paid bigint;
  outcomes bigint;
  v_new boolean;
  max_open bigint; max_purchases bigint; max_cancels bigint; max_spend bigint;
  v_reason text; v_limit bigint; v_retry bigint;
begin
  perform 1 from policy_usage where tenant_id = any(p_tenants) order by tenant_id for update;
  get diagnostics locked = row_count;
  if locked < wanted then
    insert into policy_tenants (tenant_id, since)
      select i.tenant, min(i.at) from unnest(p_tenants, p_ats) i (tenant, at) group by 1 order by 1 on conflict do nothing;
    insert into policy_usage (tenant_id, hour, day)
      select i.tenant, date_trunc('hour', min(i.at), 'UTC'), date_trunc('day', min(i.at), 'UTC')
        from unnest(p_tenants, p_ats) i (tenant, at) group by 1 order by 1 on conflict do nothing;
    perform 1 from policy_usage where tenant_id = any(p_tenants) order by tenant_id for update;
  end if;
  for c in
    select * from unnest(p_ids, p_tenants, p_keys, p_services, p_classes, p_countries, p_providers, p_prices, p_ats) with ordinality
      as i (id, tenant, key, service, class, country, provider, price, at, position)
    order by tenant, position
  loop
    if c.tenant is distinct from current then
      if current is not null then perform policy_store(u); end if;
      current := c.tenant;
      seen := '{}';
      select * into u from policy_usage where tenant_id = current;
      select * into settings from policy_tenants where tenant_id = current;
      level := p_rules -> 'levels' -> settings.kyc_level::integer;
      own := settings.limits;
    end if;
    u := policy_usage_at(u, c.at);
    v_reason := null; v_limit := null; v_retry := null;
    v_new := settings.kyc_level < (newcomer ->> 'belowLevel')::integer
      and c.at < settings.since + (newcomer ->> 'lifeMs')::bigint * interval '1 millisecond';
    if c.key = any(seen) or exists (select 1 from verifications v where v.tenant_id = current and v.idempotency_key = c.key) then
      v_reason := 'known';
    else
      select s.scope into switched from policy_switches s
       where (s.scope = 'tenant' and s.target = current::text) or (s.scope = 'service' and s.target = c.service)
          or (s.scope = 'provider' and s.target = c.provider)
       order by array_position(array['tenant', 'service', 'provider'], s.scope) limit 1;
      select coalesce((select o.class from policy_classes o where o.tenant_id = current and o.service = c.service), c.class) into class;
      paid := policy_slid(u.paid, u.paid_before, u.day, c.at, 86400000);
      outcomes := paid + policy_slid(u.unpaid, u.unpaid_before, u.day, c.at, 86400000);
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
      max_open := coalesce((own ->> 'maxOpen')::bigint, max_open);
      max_purchases := coalesce((own ->> 'maxPurchasesPerHour')::bigint, max_purchases);
      max_cancels := coalesce((own ->> 'maxCancelsPerHour')::bigint, max_cancels);
      max_spend := coalesce((own ->> 'maxSpendPerDayMicros')::bigint, max_spend);
      if switched is not null then
        v_reason := switched || '_switched_off';
      elsif class = 'blocked' then
        v_reason := 'service_blocked';
      elsif class = 'restricted' and not (level ->> 'restricted')::boolean then
        v_reason := 'kyc_required';
      elsif u.blocked_until > c.at then
        v_reason := 'success_floor'; v_limit := (floor_rule ->> 'percent')::bigint;
        v_retry := floor(extract(epoch from u.blocked_until - c.at) * 1000);
      elsif outcomes >= (floor_rule ->> 'minOutcomes')::bigint and paid * 100 < (floor_rule ->> 'percent')::bigint * outcomes then
        v_reason := 'success_floor'; v_limit := (floor_rule ->> 'percent')::bigint; v_retry := (floor_rule ->> 'blockMs')::bigint;
        u.paid := 0; u.paid_before := 0; u.unpaid := 0; u.unpaid_before := 0;
        u.blocked_until := c.at + v_retry * interval '1 millisecond';
      elsif u.open >= max_open then
        v_reason := 'open_activations'; v_limit := max_open;
      elsif policy_slid(u.purchases, u.purchases_before, u.hour, c.at, 3600000) >= max_purchases then
        v_reason := 'purchases_per_hour'; v_limit := max_purchases;
        v_retry := greatest(1000, 3600000 - floor(extract(epoch from c.at - u.hour) * 1000)::bigint);
      elsif policy_slid(u.cancels, u.cancels_before, u.hour, c.at, 3600000) >= max_cancels then
        v_reason := 'cancels_per_hour'; v_limit := max_cancels;
        v_retry := greatest(1000, 3600000 - floor(extract(epoch from c.at - u.hour) * 1000)::bigint);
      elsif u.spent_micros + c.price > max_spend then
        v_reason := 'spend_per_day'; v_limit := max_spend;
        v_retry := greatest(1000, 86400000 - floor(extract(epoch from c.at - u.day) * 1000)::bigint);
      else
        v_reason := '';
        u.open := u.open + 1; u.purchases := u.purchases + 1; u.spent_micros := u.spent_micros + c.price;
        seen := seen || c.key;
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
  if current is not null then perform policy_store(u); end if;
end $$;

create function policy_store(u policy_usage) returns void language sql as $$
  update policy_usage set open = u.open, hour = u.hour, purchases = u.purchases, purchases_before = u.purchases_before, cancels = u.cancels,
    cancels_before = u.cancels_before, day = u.day, spent_micros = u.spent_micros, paid = u.paid, paid_before = u.paid_before,
    unpaid = u.unpaid, unpaid_before = u.unpaid_before, blocked_until = u.blocked_until
  where tenant_id = u.tenant_id
$$;

create function policy_is_open(p_state text) returns boolean language sql immutable as $$
  select p_state not in ('received', 'completed', 'cancelled', 'expired', 'failed')
$$;

-- Counts what became of purchases. Usage is locked in the order of tenants, after the verifications: purchases lock nothing after it.
create function policy_track() returns trigger language plpgsql
  set enable_seqscan = off as $$
declare
  d record;
  u policy_usage;
begin
  for d in
    select n.tenant_id, max(coalesce(n.ended_at, n.received_at, n.created_at)) as at,
           sum(policy_is_open(n.state)::integer - policy_is_open(o.state)::integer)::integer as opened,
           count(*) filter (where n.state = 'cancelled') as cancels,
           count(*) filter (where n.state = 'received') as paid,
           count(*) filter (where n.state in ('cancelled', 'expired') and n.reason in ('cancelled_by_customer', 'no_code_in_time')) as unpaid,
           -- What never became a number was no purchase.
           count(*) filter (where n.state = 'failed' and date_trunc('hour', n.created_at, 'UTC') = date_trunc('hour', n.ended_at, 'UTC')) as failed,
           coalesce(sum(n.price_micros) filter (where n.state in ('cancelled', 'expired', 'failed')
             and date_trunc('day', n.created_at, 'UTC') = date_trunc('day', n.ended_at, 'UTC')), 0)::bigint as given_back
      from new_rows n join old_rows o on o.id = n.id
     where n.state <> o.state and not policy_is_open(n.state) or policy_is_open(n.state) <> policy_is_open(o.state)
     group by n.tenant_id order by n.tenant_id
  loop
    select * into u from policy_usage where tenant_id = d.tenant_id for update;
    continue when not found;
    u := policy_usage_at(u, d.at);
    u.open := greatest(0, u.open + d.opened);
    u.cancels := u.cancels + d.cancels;
    u.paid := u.paid + d.paid;
    u.unpaid := u.unpaid + d.unpaid;
    if date_trunc('hour', d.at, 'UTC') = u.hour then u.purchases := greatest(0, u.purchases - d.failed); end if;
    if date_trunc('day', d.at, 'UTC') = u.day then u.spent_micros := greatest(0, u.spent_micros - d.given_back); end if;
    perform policy_store(u);
  end loop;
  return null;
end $$;
create trigger verifications_policy after update on verifications referencing old table as old_rows new table as new_rows
  for each statement execute function policy_track();
`,
);
