import { sqlMigration } from '#platform/postgres/index.ts';

/** What a quote promises for nothing is held, settled and explained like everything else. It was refused, and so could not be bought. */
export const holdsOfNothing = sqlMigration(
  '20261122-0130-holds-of-nothing',
  `
alter table holds drop constraint holds_amount;
alter table holds add constraint holds_amount check (amount_micros >= 0) not valid;
`,
);
