import { sqlMigration } from '#platform/postgres/index.ts';

/** Subscriptions, and the periods that they have paid for. */
export const plans = sqlMigration(
  '20261121-0040-plans',
  `
create extension if not exists btree_gist;

create table subscriptions (
  id uuid primary key,
  tenant_id uuid not null,
  plan text not null,
  interval text not null check (interval in ('month', 'year')),
  state text not null check (state in ('active', 'past_due', 'ended')),
  time_zone text not null,
  anchor_at timestamptz not null,
  period_index integer not null check (period_index >= 0),
  period_start timestamptz not null,
  period_end timestamptz not null,
  billed_id uuid not null,
  next_plan text,
  next_interval text check (next_interval in ('month', 'year')),
  next_time_zone text,
  attempts integer not null check (attempts >= 0),
  due_at timestamptz not null,
  owed_micros bigint not null check (owed_micros >= 0),
  currency text not null,
  version bigint not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint subscriptions_period check (period_end > period_start),
  constraint subscriptions_next check ((next_plan is null) = (next_interval is null)),
  constraint subscriptions_ended check ((state = 'ended') = (ended_at is not null)),
  constraint subscriptions_owed check ((state = 'past_due') = (attempts > 0))
);
-- One at a time, whatever runs beside each other.
create unique index subscriptions_live on subscriptions (tenant_id) where state <> 'ended';
create index subscriptions_due on subscriptions (due_at) where state <> 'ended';
create index subscriptions_past_due on subscriptions (tenant_id) where state = 'past_due';

create table billed_periods (
  id uuid primary key,
  subscription_id uuid not null,
  tenant_id uuid not null,
  plan text not null,
  interval text not null,
  starts_at timestamptz not null,
  -- Moves earlier once, when a change cuts the period short and the rest is credited.
  ends_at timestamptz not null,
  amount_micros bigint not null check (amount_micros >= 0),
  credited_micros bigint not null default 0,
  currency text not null,
  transfer_id uuid,
  created_at timestamptz not null,
  constraint billed_periods_order check (ends_at >= starts_at),
  constraint billed_periods_credit check (credited_micros between 0 and amount_micros),
  constraint billed_periods_transfer check ((transfer_id is null) = (amount_micros = 0)),
  -- The last word against billing a period twice: no tenant pays for one moment two times.
  constraint billed_periods_once exclude using gist (tenant_id with =, tstzrange(starts_at, ends_at) with &&)
);
create index billed_periods_tenant on billed_periods (tenant_id, starts_at desc, id desc);

create function keep_billed_period() returns trigger language plpgsql as $$
begin
  raise exception 'a billed period is history: it may be cut short once, not changed' using errcode = 'restrict_violation';
end $$;
create trigger billed_periods_kept before delete or truncate on billed_periods for each statement execute function keep_billed_period();
create trigger billed_periods_unchanged before update on billed_periods for each row
  when (old.amount_micros <> new.amount_micros or old.starts_at <> new.starts_at or new.ends_at > old.ends_at or old.credited_micros > 0
        or old.tenant_id <> new.tenant_id or old.transfer_id is distinct from new.transfer_id or old.plan <> new.plan)
  execute function keep_billed_period();
`,
);
