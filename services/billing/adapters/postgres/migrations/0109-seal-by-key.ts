import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The sealer reaches everything by key, as execute_ledger does. At 200 captures a second on young tables it was at work nine tenths of the time, most
 * likely by plans that were made while they were nearly empty; by key it is hardly seen.
 */
export const sealByKey = sqlMigration(
  '20261121-0109-seal-by-key',
  `
alter function seal_block(integer, timestamptz)
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off;
`,
);
