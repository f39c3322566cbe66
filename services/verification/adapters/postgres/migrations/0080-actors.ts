import { sqlMigration } from '#platform/postgres/index.ts';

/** Who asked: "user:<id>" or "key:<id>". Billing shows it with the charge; recovery, in another process, says the same. */
export const actors = sqlMigration(
  '20261121-0080-actors',
  `
alter table verifications add column actor text not null default '';
alter table batches add column actor text not null default '';
`,
);
