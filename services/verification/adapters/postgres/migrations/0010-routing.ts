import { sqlMigration } from '#platform/postgres/index.ts';

/** What is known of routes and providers, and why each purchase went where it went. */
export const routing = sqlMigration(
  '20261121-0010-routing',
  `
-- The decision: written with the row, and again only when a provider refused and the next one is asked.
alter table verifications add column route jsonb;

-- One row for each route that was ever used. Every observation counts half after each half-life: figures are as of as_of.
create table route_tallies (
  provider text not null,
  service text not null,
  country text not null,
  operator text not null,
  granted double precision not null,
  refused double precision not null,
  unknown double precision not null,
  codes double precision not null,
  misses double precision not null,
  -- Σ ln(ms) over the codes, Σ micros over the numbers granted.
  ln_latency_ms double precision not null,
  cost_micros double precision not null,
  as_of timestamptz not null,
  -- By the database's clock: replicas read what is newer than their last look.
  changed_at timestamptz not null,
  primary key (provider, service, country, operator)
) with (fillfactor = 80);
create index route_tallies_changed on route_tallies (changed_at);

-- The same by the hour, for the published status of a day.
create table route_hours (
  hour timestamptz not null,
  service text not null,
  country text not null,
  provider text not null,
  granted integer not null,
  refused integer not null,
  unknown integer not null,
  codes integer not null,
  misses double precision not null,
  -- Codes by latency: the buckets of domain/routing/histogram.ts.
  latencies integer[] not null,
  primary key (hour, service, country, provider)
) with (fillfactor = 80);

create table provider_states (
  provider text primary key,
  circuit jsonb,
  -- Of the circuit.
  version integer not null default 0,
  paused_at timestamptz,
  paused_by text,
  pause_note text,
  balance_micros bigint,
  balance_at timestamptz,
  market_at timestamptz,
  market_due_at timestamptz not null default '-infinity',
  market_leased_until timestamptz,
  constraint provider_states_paused check ((paused_at is null) = (paused_by is null))
);

-- The price lists of providers, in the words of the catalogue. What is sold no longer stays with a stock of 0.
create table market_offers (
  provider text not null,
  country text not null,
  service text not null,
  cost_micros bigint not null,
  stock integer not null check (stock >= 0),
  changed_at timestamptz not null,
  primary key (provider, country, service)
) with (fillfactor = 80);
create index market_offers_changed on market_offers (changed_at);
`,
);
