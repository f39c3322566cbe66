import { sqlMigration } from '#platform/postgres/index.ts';

export const webhooks = sqlMigration(
  '20261121-0003-webhooks',
  `
create table webhook_endpoints (
  id uuid primary key,
  tenant_id uuid not null,
  url text not null,
  description text not null,
  event_types text[] not null,
  enabled boolean not null default true,
  disabled_reason text not null default '' check (disabled_reason in ('', 'user', 'gone', 'failing', 'plan')),
  failing_since timestamptz,
  -- When it last had its turn: whoever waits longest is next.
  served_at timestamptz not null,
  secret bytea not null,
  previous_secret bytea,
  previous_secret_until timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  check (enabled = (disabled_reason = ''))
);
create index webhook_endpoints_by_tenant on webhook_endpoints (tenant_id, id) where deleted_at is null;
-- For the sweeper: those whose deliveries nobody will send.
create index webhook_endpoints_silent on webhook_endpoints (id) where deleted_at is not null or not enabled;

create table webhook_deliveries (
  id uuid primary key,
  tenant_id uuid not null,
  endpoint_id uuid not null references webhook_endpoints (id),
  event_id uuid not null,
  event_type text not null,
  -- Sealed: it may hold a code. Once complete it is the exact text that is signed, in every attempt the same.
  body bytea not null,
  complete boolean not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  tries integer not null default 0,
  next_attempt_at timestamptz,
  leased_until timestamptz,
  last_status integer not null default 0,
  last_error text not null default '',
  created_at timestamptz not null,
  ended_at timestamptz,
  unique (endpoint_id, event_id),
  check ((status = 'pending') = (next_attempt_at is not null)),
  check ((status = 'pending') = (ended_at is null))
);
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, next_attempt_at, id) where status = 'pending';
create index webhook_deliveries_leased on webhook_deliveries (tenant_id, endpoint_id) where leased_until is not null;
create index webhook_deliveries_by_endpoint on webhook_deliveries (tenant_id, endpoint_id, id);
create index webhook_deliveries_by_time on webhook_deliveries (tenant_id, endpoint_id, created_at);
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null;

create table webhook_attempts (
  id uuid primary key,
  tenant_id uuid not null,
  delivery_id uuid not null references webhook_deliveries (id) on delete cascade,
  number integer not null,
  started_at timestamptz not null,
  latency_ms integer not null,
  status integer not null,
  error text not null,
  answer text not null,
  unique (delivery_id, number)
);
`,
);
