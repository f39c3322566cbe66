import { sqlMigration } from '#platform/postgres/index.ts';

/** The order of what is told about a rental, and messages that nobody may see. */
export const rentalEvents = sqlMigration(
  '20261121-0043-rental-events',
  `
alter table rentals add column told integer not null default 0;
alter table rental_messages add column hidden boolean not null default false;
`,
);
