import { sqlMigration } from '#platform/postgres/index.ts';

/** A promotion may take off all of a price. Every row fits already: there is nothing to be looked through. */
export const pricesOfNothing = sqlMigration(
  '20261122-0132-prices-of-nothing',
  `
alter table verifications drop constraint verifications_price_micros_check;
alter table verifications add constraint verifications_price check (price_micros >= 0) not valid;
alter table rental_orders drop constraint rental_orders_price_micros_check;
alter table rental_orders add constraint rental_orders_price check (price_micros >= 0) not valid;
`,
);
