import { sqlMigration } from '#platform/postgres/index.ts';

/** Saved payment methods, and top-ups that charge them when the wallet runs low. docs/adr/0025. */
export const paymentMethods = sqlMigration(
  '20261121-0023-payment-methods',
  `
create table payment_methods (
  id uuid primary key,
  tenant_id uuid not null,
  gateway text not null,
  token text not null,
  brand text not null,
  last4 text not null,
  expiry_month integer not null,
  expiry_year integer not null,
  is_default boolean not null,
  created_at timestamptz not null,
  removed_at timestamptz,
  constraint payment_methods_default check (not is_default or removed_at is null)
);
create unique index payment_methods_token on payment_methods (tenant_id, gateway, token) where removed_at is null;
create unique index payment_methods_one_default on payment_methods (tenant_id) where is_default;

alter table payments
  add column save_method boolean not null default false,
  -- The gateway is asked for the card that was paid with; null: no card to ask for, or done.
  add column method_due_at timestamptz,
  -- Charged to it, without a person.
  add column method_id uuid references payment_methods,
  add column automatic boolean not null default false;
create index payments_method_due on payments (method_due_at) where method_due_at is not null and status = 'succeeded';
-- One at a time: two replicas, or a late one, cannot top up twice.
create unique index payments_one_top_up on payments (tenant_id) where automatic and status = 'pending';
create index payments_top_ups on payments (tenant_id, created_at desc) where automatic;

create table top_ups (
  tenant_id uuid primary key,
  enabled boolean not null,
  currency text not null,
  threshold_micros bigint not null check (threshold_micros > 0),
  amount_micros bigint not null check (amount_micros > 0),
  monthly_limit_micros bigint not null check (monthly_limit_micros >= amount_micros),
  suspended_reason text not null default '',
  -- Failures before this are forgotten.
  armed_at timestamptz not null,
  sequence bigint not null default 0,
  next_at timestamptz not null,
  version bigint not null default 1,
  updated_at timestamptz not null
);
create index top_ups_due on top_ups (next_at) where enabled;

-- The card that a payment was paid with; known already: nothing changes. The first of a tenant is its default.
create function save_method(
  p_payment uuid, p_id uuid, p_token text, p_brand text, p_last4 text, p_month integer, p_year integer, p_now timestamptz
) returns void language plpgsql as $$
declare
  p payments;
begin
  update payments set method_due_at = null where id = p_payment and method_due_at is not null returning * into p;
  if not found then return; end if;
  perform pg_advisory_xact_lock(hashtextextended('payment_methods ' || p.tenant_id, 0));
  insert into payment_methods (id, tenant_id, gateway, token, brand, last4, expiry_month, expiry_year, is_default, created_at)
  values (p_id, p.tenant_id, p.gateway, p_token, p_brand, p_last4, p_month, p_year,
          not exists (select 1 from payment_methods m where m.tenant_id = p.tenant_id and m.is_default), p_now)
  on conflict (tenant_id, gateway, token) where removed_at is null do nothing;
end $$;

-- The newest of the others becomes the default when the default goes.
create function remove_method(p_tenant uuid, p_id uuid, p_now timestamptz) returns boolean language plpgsql as $$
declare
  m payment_methods;
begin
  perform pg_advisory_xact_lock(hashtextextended('payment_methods ' || p_tenant, 0));
  select * into m from payment_methods where id = p_id and tenant_id = p_tenant and removed_at is null for update;
  if not found then return false; end if;
  update payment_methods set removed_at = p_now, is_default = false where id = p_id;
  if m.is_default then
    update payment_methods set is_default = true
     where id = (select id from payment_methods where tenant_id = p_tenant and removed_at is null order by created_at desc, id desc limit 1);
  end if;
  return true;
end $$;

create function default_method(p_tenant uuid, p_id uuid) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('payment_methods ' || p_tenant, 0));
  if not exists (select 1 from payment_methods where id = p_id and tenant_id = p_tenant and removed_at is null) then return false; end if;
  update payment_methods set is_default = false where tenant_id = p_tenant and is_default and id <> p_id;
  update payment_methods set is_default = true where id = p_id;
  return true;
end $$;

-- Failures since the last success, or since it was switched on.
create function top_up_failures(p_tenant uuid, p_since timestamptz) returns table (failures bigint, last_at timestamptz) language sql stable as $$
  select count(*), max(p.settled_at) from payments p
   where p.tenant_id = p_tenant and p.automatic and p.status in ('failed', 'mismatched')
     and p.created_at >= p_since
     and p.created_at > coalesce((select max(created_at) from payments s where s.tenant_id = p_tenant and s.automatic and s.status = 'succeeded'), '-infinity')
$$;

-- Tenants whose wallet is low, that have a default method, no top-up under way, room in the month, and no failure too fresh. A claim is a
-- lease; its sequence is the key of the payment that follows.
create function claim_top_ups(p_now timestamptz, p_lease timestamptz, p_limit integer, p_max_failures integer, p_pauses interval[])
returns setof top_ups language sql as $$
  update top_ups u set sequence = u.sequence + 1, next_at = p_lease
    from (select t.tenant_id from top_ups t
            left join accounts w on w.tenant_id = t.tenant_id and w.currency = t.currency and w.kind = 'wallet'
           cross join lateral top_up_failures(t.tenant_id, t.armed_at) f
           where t.enabled and t.next_at <= p_now
             and coalesce(w.balance_micros - w.held_micros, 0) < t.threshold_micros
             and exists (select 1 from payment_methods m where m.tenant_id = t.tenant_id and m.is_default)
             and not exists (select 1 from payments p where p.tenant_id = t.tenant_id and p.automatic and p.status = 'pending')
             and t.amount_micros + coalesce((select sum(p.amount_micros) from payments p where p.tenant_id = t.tenant_id and p.automatic
                   and p.status = 'succeeded' and p.created_at >= date_trunc('month', p_now, 'UTC')), 0) <= t.monthly_limit_micros
             and f.failures < p_max_failures and (f.failures = 0 or f.last_at + p_pauses[f.failures] <= p_now)
           order by t.next_at limit p_limit for update of t skip locked) due
   where u.tenant_id = due.tenant_id returning u.*
$$;

-- Too many failures in a row: off, and told of.
create function suspend_top_ups(p_now timestamptz, p_max_failures integer, p_reason text)
returns table (tenant_id uuid, version bigint) language sql as $$
  update top_ups u set enabled = false, suspended_reason = p_reason, version = u.version + 1, updated_at = p_now
    from (select t.tenant_id from top_ups t cross join lateral top_up_failures(t.tenant_id, t.armed_at) f
           where t.enabled and f.failures >= p_max_failures limit 100 for update of t skip locked) due
   where u.tenant_id = due.tenant_id returning u.tenant_id, u.version
$$;
`,
);
