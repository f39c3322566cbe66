import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Batches: many purchases with one reservation. Items are worked off in the background, each by a verification of its own, whose row
 * says which hold its money comes from.
 */
export const bulk = sqlMigration(
  '20261121-0051-bulk',
  `
create table batches (
  id uuid primary key,
  tenant_id uuid not null,
  idempotency_key text not null,
  request_hash text not null,
  state text not null check (state in ('reserving', 'buying', 'waiting', 'completed', 'failed')),
  version integer not null,
  currency text not null,
  -- Σ of the prices of the items that can be bought.
  amount_micros bigint not null check (amount_micros >= 0),
  hold_id uuid,
  -- The rest of the hold still has to be given back.
  hold_open boolean not null,
  cancel_asked_at timestamptz,
  reason text,
  created_at timestamptz not null,
  -- What is not bought by then is not bought any more.
  buy_until timestamptz not null,
  ended_at timestamptz,
  due_at timestamptz,
  attempts integer not null,
  leased_until timestamptz,
  constraint batches_idempotency unique (tenant_id, idempotency_key),
  constraint batches_reserved check (state in ('reserving', 'failed') or hold_id is not null or amount_micros = 0)
) with (fillfactor = 80);
create index batches_due on batches (due_at) where due_at is not null;
create index batches_newest on batches (tenant_id, id);
create index batches_hold on batches (hold_id) where state = 'waiting';
create index batches_buying on batches (tenant_id) where state = 'buying';

create table batch_items (
  batch_id uuid not null references batches (id) on delete cascade,
  -- From 1, in the order of the request.
  position integer not null,
  tenant_id uuid not null,
  service text not null,
  country text not null,
  capability text not null,
  operator text not null,
  area_code text not null,
  price_micros bigint,
  quote_id uuid,
  state text not null check (state in ('pending', 'bought', 'failed', 'cancelled')),
  -- Of a closed list: why it failed.
  reason text,
  verification_id uuid,
  next_at timestamptz not null,
  attempts integer not null,
  leased_until timestamptz,
  primary key (batch_id, position),
  constraint batch_items_priced check (state = 'failed' or (price_micros is not null and quote_id is not null)),
  constraint batch_items_bought check (state <> 'bought' or verification_id is not null)
) with (fillfactor = 80);
create index batch_items_pending on batch_items (tenant_id, next_at, batch_id, position) where state = 'pending';
create unique index batch_items_verification on batch_items (verification_id) where verification_id is not null;
`,
);
