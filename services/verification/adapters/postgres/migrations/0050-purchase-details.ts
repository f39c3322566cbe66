import { sqlMigration } from '#platform/postgres/index.ts';

/** What a purchase asks for besides service and country, and whose reservation it uses. */
export const purchaseDetails = sqlMigration(
  '20261121-0050-purchase-details',
  `
-- Of billing: the hold of a batch. Recovery asks for the same part of the same hold again.
alter table verifications add column from_hold_id uuid;
alter table verifications add column operator text not null default '';
alter table verifications add column area_code text not null default '';
`,
);
