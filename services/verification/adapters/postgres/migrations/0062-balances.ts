import { sqlMigration } from '#platform/postgres/index.ts';

/** What our accounts at providers should hold, against what they do. */
export const balances = sqlMigration(
  '20261121-0062-balances',
  `
-- Every reading, with what was expected then.
create table provider_balances (
  provider text not null,
  read_at timestamptz not null,
  balance_micros bigint not null,
  expected_micros bigint not null,
  drift_micros bigint not null,
  limit_micros bigint not null,
  primary key (provider, read_at)
);
-- The reading that the expectation is counted from: so old that every fact of the time before is known.
create table provider_baselines (
  provider text primary key,
  at timestamptz not null,
  balance_micros bigint not null,
  -- What was unexplained by then.
  drift_micros bigint not null
);
-- What moved a balance besides purchases: written down by operators.
create table provider_adjustments (
  id uuid primary key,
  provider text not null,
  kind text not null check (kind in ('top_up', 'correction')),
  amount_micros bigint not null check (amount_micros <> 0 and (kind = 'correction' or amount_micros > 0)),
  reference text not null,
  note text not null,
  happened_at timestamptz not null,
  recorded_at timestamptz not null,
  recorded_by text not null,
  constraint provider_adjustments_once unique (provider, reference)
);
create index provider_adjustments_happened on provider_adjustments (provider, happened_at);
create index provider_adjustments_newest on provider_adjustments (provider, id);

alter table provider_states
  add column expected_micros bigint,
  add column drift_micros bigint,
  add column drift_limit_micros bigint,
  add column reconciled_at timestamptz;

-- Purchases of a span of time, over all tenants. Rows come in the order of time: this costs a purchase next to nothing.
create index verifications_created on verifications using brin (created_at) with (pages_per_range = 16, autosummarize = on);
create index rental_orders_asked on rental_orders (asked_at);
`,
);
