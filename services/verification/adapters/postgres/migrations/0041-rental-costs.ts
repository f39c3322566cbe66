import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * What an order of a rental costs us at its provider, and when that was about to be asked. The default speaks for processes of the
 * version before, which write neither: their orders count as asked, so nothing that they bought is given up.
 */
export const rentalCosts = sqlMigration(
  '20261121-0041-rental-costs',
  `
alter table rental_orders
  add column asked_at timestamptz default now(),
  add column cost_micros bigint not null default 0 check (cost_micros >= 0);
`,
);
