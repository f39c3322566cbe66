import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Orders of rentals have a provider's side, too: the same table, worker and report. The id is the order's then, and `activation_id` the
 * provider's id of the rental, empty when it never named one. Of a rental that was given back a part may be lost.
 */
export const rentalSettlements = sqlMigration(
  '20261121-0042-rental-settlements',
  `
alter table provider_settlements
  add column product text not null default 'activation' check (product in ('activation', 'rental')),
  add column lost_micros bigint check (lost_micros between 0 and cost_micros);
-- Is somebody else still buying on this route?
create index rentals_ordering on rentals (provider, service, country) where state = 'ordering';
`,
);
