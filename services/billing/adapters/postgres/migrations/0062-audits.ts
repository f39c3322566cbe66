import { sqlMigration } from '#platform/postgres/index.ts';

/** The nightly audits: one a day among all replicas, and what it said. */
export const audits = sqlMigration(
  '20261121-0062-audits',
  `
create table ledger_audits (
  day date primary key,
  started_at timestamptz not null,
  finished_at timestamptz,
  laws integer not null default 0,
  broken integer not null default 0,
  first_law text not null default '',
  imbalance_micros bigint not null default 0
);
`,
);
