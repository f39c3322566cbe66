import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The sealer reaches everything by key, as execute_ledger does. What it keeps was planned while the tables were nearly empty: until their next ANALYZE
 * it read all entries and all grants once for each transfer that it sealed, and took a core at 200 captures a second.
 */
export const sealByKey = sqlMigration(
  '20261121-0109-seal-by-key',
  `
alter function seal_block(integer, timestamptz)
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off;
`,
);
