import { platformMigration, sqlMigration } from '#platform/postgres/index.ts';
import { policy } from './0030-policy.ts';
import { routing } from './0010-routing.ts';
import { lifeCycle } from './0020-life-cycle.ts';
import { rentals } from './0040-rentals.ts';
import { rentalCosts } from './0041-rental-costs.ts';
import { rentalSettlements } from './0042-rental-settlements.ts';
import { numbersAndAbuse } from './0031-numbers-and-abuse.ts';
import { leasesInBatches } from './0032-leases-in-batches.ts';
import { purchaseDetails } from './0050-purchase-details.ts';
import { bulk } from './0051-bulk.ts';
import { catalogueVersion } from './0052-catalogue-version.ts';
import { providerSettlements } from './0060-provider-settlements.ts';
import { bulkLeases } from './0053-bulk-leases.ts';

/** Ids come from the application, so this runs on PostgreSQL 15 and later. */ import { actors } from './0080-actors.ts';
import { rentalEvents } from './0043-rental-events.ts';
import { rentalHistory } from './0044-rental-history.ts';
import { marketAnnouncements } from './0055-market-announcements.ts';
import { strays } from './0061-strays.ts';
import { balances } from './0062-balances.ts';
import { routeWishes } from './0054-route-wishes.ts';
import { tenantKeys } from './0070-tenant-keys.ts';
import { lateCodes } from './0071-late-codes.ts';
import { rentalPolicy } from './0045-rental-policy.ts';
import { rentalFingerprints } from './0046-rental-fingerprints.ts';
import { lateHolds } from './0072-late-holds.ts';
import { retention } from './0021-retention.ts';
import { saveInBatches } from './0039-save-in-batches.ts';
import { grants } from './0121-grants.ts';
import { finishedIsNotCounted } from './0131-finished-is-not-counted.ts';
import { pricesOfNothing } from './0132-prices-of-nothing.ts';
import { admissionInOneLook } from './0120-admission-in-one-look.ts';
import { looksInBatches } from './0130-looks-in-batches.ts';

export const migrations = [
  platformMigration,
  sqlMigration(
    '20261121-0001-verifications',
    `
create table verifications (
  id uuid primary key,
  tenant_id uuid not null,
  idempotency_key text not null,
  request_hash text not null,
  state text not null check (state in ('reserving','unknown','waiting','cancelling','received','completed','cancelled','expired','failed')),
  version integer not null,
  service text not null,
  country text not null,
  capability text not null,
  currency text not null,
  price_micros bigint not null check (price_micros > 0),
  provider text not null,
  activation_id text,
  provider_cost_micros bigint,
  phone_number text,
  hold_id text,
  sealed_code bytea,
  reason text,
  created_at timestamptz not null,
  purchase_deadline timestamptz not null,
  expires_at timestamptz,
  received_at timestamptz,
  ended_at timestamptz,
  due_at timestamptz,
  attempts integer not null,
  constraint verifications_idempotency unique (tenant_id, idempotency_key),
  -- The last word against selling one number twice.
  constraint verifications_activation unique (provider, activation_id),
  -- Without a number there is nothing to wait for, without a hold nobody pays for it.
  constraint verifications_rented check (state in ('reserving','unknown','failed') or (activation_id is not null and hold_id is not null and expires_at is not null))
);
create index verifications_due on verifications (due_at) where due_at is not null;
create index verifications_buying on verifications (provider, service, country) where state in ('reserving','unknown');
create index verifications_newest on verifications (tenant_id, id);
create index verifications_by_state on verifications (tenant_id, state, id);
create index verifications_by_service on verifications (tenant_id, service, id);
create index verifications_by_country on verifications (tenant_id, country, id);

create table messages (
  id uuid primary key,
  verification_id uuid not null references verifications (id) on delete cascade,
  tenant_id uuid not null,
  sealed bytea not null,
  fingerprint bytea not null,
  received_at timestamptz not null,
  hidden boolean not null,
  constraint messages_once unique (verification_id, fingerprint)
);

create table orphan_pushes (
  id uuid primary key,
  provider text not null,
  activation_id text not null,
  sealed bytea not null,
  fingerprint bytea not null,
  arrived_at timestamptz not null,
  constraint orphan_pushes_once unique (provider, activation_id, fingerprint)
);
create index orphan_pushes_age on orphan_pushes (arrived_at);
`,
  ),
  sqlMigration(
    '20261121-0002-fewer-indexes',
    `
-- Every change of a row writes all its indexes anew, unless no indexed column changes and its page has room. So: one index
-- for the newest and for the lists by service and country, which it filters before it reads any row, and no entry for rows
-- that have no activation yet. Lists by state keep theirs: a rare state among a million completed ones must be found at once.
drop index verifications_by_service;
drop index verifications_by_country;
drop index verifications_newest;
create index verifications_newest on verifications (tenant_id, id, service, country);
alter table verifications drop constraint verifications_activation;
-- The last word against selling one number twice.
create unique index verifications_activation on verifications (provider, activation_id) where activation_id is not null;

-- A lease of the scheduler changes no index.
alter table verifications add column leased_until timestamptz;
alter table verifications set (fillfactor = 80);
`,
  ),
  sqlMigration(
    '20261121-0003-quotes',
    `
-- The price is what billing has promised by this quote.
alter table verifications add column quote_id uuid;
`,
  ),
  rentals,
  rentalCosts,
  purchaseDetails,
  bulk,
  catalogueVersion,
  bulkLeases,
  actors,
  policy,
  routing,
  providerSettlements,
  rentalSettlements,
  lifeCycle,
  retention,
  numbersAndAbuse,
  rentalEvents,
  rentalHistory,
  leasesInBatches,
  routeWishes,
  tenantKeys,
  lateCodes,
  saveInBatches,
  rentalPolicy,
  marketAnnouncements,
  strays,
  balances,
  rentalFingerprints,
  lateHolds,
  admissionInOneLook,
  looksInBatches,
  grants,
  finishedIsNotCounted,
  pricesOfNothing,
];
