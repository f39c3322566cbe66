import { sqlMigration } from '#platform/postgres/index.ts';

/** Rented numbers, the orders for stretches of their time, and their messages. */
export const rentals = sqlMigration(
  '20261121-0040-rentals',
  `
create table rentals (
  id uuid primary key,
  tenant_id uuid not null,
  state text not null check (state in ('ordering','active','releasing','released','expired','failed')),
  version integer not null,
  service text not null,
  country text not null,
  provider text not null,
  provider_rental_id text,
  phone_number text,
  hours integer not null check (hours between 1 and 8760),
  auto_renew boolean not null,
  open_order_id uuid,
  reason text,
  created_at timestamptz not null,
  started_at timestamptz,
  ends_at timestamptz,
  warned_for timestamptz,
  ended_at timestamptz,
  due_at timestamptz,
  leased_until timestamptz,
  attempts integer not null,
  check (state not in ('active','releasing') or (provider_rental_id is not null and phone_number is not null and ends_at is not null))
);
-- The last word against one number for two.
create unique index rentals_provider on rentals (provider, provider_rental_id) where provider_rental_id is not null;
create index rentals_newest on rentals (tenant_id, id, service, country);
create index rentals_due on rentals (due_at) where due_at is not null;

create table rental_orders (
  id uuid primary key,
  rental_id uuid not null references rentals (id),
  tenant_id uuid not null,
  kind text not null check (kind in ('purchase','extension','renewal')),
  idempotency_key text not null,
  request_hash text not null,
  state text not null check (state in ('reserving','unknown','capturing','charged','refunding','refunded','voiding','failed')),
  version integer not null,
  hours integer not null check (hours between 1 and 8760),
  currency text not null,
  price_micros bigint not null check (price_micros > 0),
  list_micros bigint not null,
  quote_id uuid not null,
  hold_id text,
  reason text,
  created_at timestamptz not null,
  deadline timestamptz not null,
  covers_from timestamptz,
  covers_to timestamptz,
  refund_micros bigint not null check (refund_micros between 0 and price_micros),
  due_at timestamptz,
  leased_until timestamptz,
  attempts integer not null,
  constraint rental_orders_key unique (tenant_id, idempotency_key)
);
create index rental_orders_of on rental_orders (rental_id);
create index rental_orders_due on rental_orders (due_at) where due_at is not null;

create table rental_messages (
  id uuid primary key,
  rental_id uuid not null references rentals (id),
  tenant_id uuid not null,
  sealed bytea not null,
  fingerprint bytea not null,
  received_at timestamptz not null,
  constraint rental_messages_once unique (rental_id, fingerprint)
);
create index rental_messages_newest on rental_messages (tenant_id, rental_id, id);
`,
);
