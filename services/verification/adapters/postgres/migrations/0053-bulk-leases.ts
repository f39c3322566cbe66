import { sqlMigration } from '#platform/postgres/index.ts';

/** What each tenant has under way is counted at every claim: without reading all that waits. */
export const bulkLeases = sqlMigration(
  '20261121-0053-bulk-leases',
  `create index batch_items_leased on batch_items (tenant_id, leased_until) where state = 'pending' and leased_until is not null;`,
);
