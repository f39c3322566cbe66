import { sqlMigration } from './migrate.ts';

/**
 * The tables that messaging and idempotency need in every service's database.
 *
 * outbox: `seq` is the publishing order. Rows are marked one by one (never skipped by a moving offset), so the order of
 * visibility needs no horizon: events of one aggregate are written under its row lock, hence commit in `seq` order.
 * The sweeps go by age over BRIN indexes, which cost inserts next to nothing.
 */
export const platformMigration = sqlMigration(
  '00000000-0001-platform',
  `
create table outbox (
  seq bigint generated always as identity,
  id uuid primary key,
  subject text not null,
  aggregate_id text not null,
  aggregate_version bigint not null,
  headers jsonb not null,
  payload bytea not null,
  created_at timestamptz not null default now(),
  published_at timestamptz,
  attempts integer not null default 0,
  parked_at timestamptz,
  last_error text
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.2);
create index outbox_pending on outbox (seq) where published_at is null and parked_at is null;
create index outbox_parked on outbox (parked_at) where parked_at is not null;
create index outbox_created_at on outbox using brin (created_at);

create table inbox (
  consumer text not null,
  message_id uuid not null,
  processed_at timestamptz not null default now(),
  primary key (consumer, message_id)
);
create index inbox_processed_at on inbox using brin (processed_at);

create table idempotency_keys (
  tenant_id text not null,
  operation text not null,
  key text not null,
  request_hash bytea not null,
  response text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, operation, key)
);
create index idempotency_keys_created_at on idempotency_keys using brin (created_at);
`,
);
