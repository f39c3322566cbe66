import { sqlMigration } from '#platform/postgres/index.ts';

/** Customers look a transaction up by what it paid for. */
export const transactions = sqlMigration(
  '20261121-0060-transactions',
  `create index transfers_reference on transfers (tenant_id, reference) where reference <> ''`,
);
