import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Numbers that must not be sold again, and reports of abuse. Numbers stand here as a keyed hash (HMAC under a key that the database
 * does not have), so that the tables tell nobody which numbers we had. Of two grants of one number for one service at one time
 * exactly one holds.
 */
export const numbersAndAbuse = sqlMigration(
  '20261121-0031-numbers-and-abuse',
  `
alter table verifications add column frozen_at timestamptz;

-- Who had which number for which service last. free: nobody got a code by it, so it was not used up.
create table number_leases (
  number_hash bytea not null,
  service text not null,
  verification_id uuid not null,
  tenant_id uuid not null,
  leased_at timestamptz not null,
  free boolean not null default false,
  primary key (number_hash, service)
);
create index number_leases_age on number_leases (leased_at);
create index number_leases_verification on number_leases (verification_id);

create table number_bans (
  number_hash bytea not null,
  service text not null,
  id uuid not null unique,
  until timestamptz not null,
  -- reports: of distinct tenants; operator: set by hand
  origin text not null check (origin in ('reports', 'operator')),
  reason text not null,
  set_by text not null,
  set_at timestamptz not null,
  primary key (number_hash, service)
);
create index number_bans_newest on number_bans (id desc);

-- One word by each tenant and number and service: the newest.
create table number_reports (
  number_hash bytea not null,
  service text not null,
  tenant_id uuid not null,
  reported_at timestamptz not null,
  weighed boolean not null default false,
  primary key (number_hash, service, tenant_id)
);
create index number_reports_age on number_reports (reported_at);
create index number_reports_fresh on number_reports (number_hash) where not weighed;

-- Numbers that were bought and may not be kept, until the provider has taken them back.
create table number_returns (
  provider text not null,
  activation_id text not null,
  verification_id uuid not null,
  tenant_id uuid not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  give_up_at timestamptz not null,
  primary key (provider, activation_id)
);
create index number_returns_due on number_returns (due_at);

create table abuse_reports (
  id uuid primary key,
  status text not null check (status in ('open', 'frozen', 'upheld', 'dismissed')),
  category text not null,
  number_hash bytea not null,
  -- The number, the description and how to reach who reported it, sealed.
  sealed bytea not null,
  fingerprint bytea not null,
  happened_at timestamptz,
  received_at timestamptz not null,
  verification_id uuid,
  tenant_id uuid,
  decided_by text,
  decided_at timestamptz,
  note text not null default '',
  constraint abuse_reports_once unique (fingerprint)
);
create index abuse_reports_by_status on abuse_reports (status, id);

-- May this number be sold for this service to this verification? leased: it is its now; asked again, too. taken: somebody else has it at this
-- moment. unfit: it was sold before, or is banned. Of two that ask at one time one gets it. p_at: when the purchase began.
create function lease_number(p_hash bytea, p_service text, p_verification uuid, p_tenant uuid, p_at timestamptz) returns text
  language plpgsql set enable_seqscan = off as $$
begin
  if exists (select 1 from number_bans b where b.number_hash = p_hash and b.service in (p_service, '*') and b.until > p_at) then
    return 'unfit';
  end if;
  insert into number_leases (number_hash, service, verification_id, tenant_id, leased_at)
  values (p_hash, p_service, p_verification, p_tenant, p_at)
  on conflict (number_hash, service) do update
    set verification_id = excluded.verification_id, tenant_id = excluded.tenant_id, leased_at = excluded.leased_at, free = false
    where number_leases.free or number_leases.verification_id = excluded.verification_id;
  if found then return 'leased'; end if;
  return case when exists (
    select 1 from number_leases l join verifications v on v.id = l.verification_id
     where l.number_hash = p_hash and l.service = p_service and policy_is_open(v.state)
  ) then 'taken' else 'unfit' end;
end $$;

create or replace function policy_is_open(p_state text) returns boolean language sql immutable as $$
  select p_state not in ('received', 'retrying', 'completed', 'cancelled', 'expired', 'failed')
$$;

-- As before, and: a further code on a number is no further outcome; a report of a bad number is no cancellation at will; a number that
-- brought no code may be sold again.
create or replace function policy_track() returns trigger language plpgsql
  set enable_seqscan = off as $$
declare
  d record;
  u policy_usage;
begin
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
    perform policy_store(u);
  end loop;
  return null;
end $$;
`,
);
