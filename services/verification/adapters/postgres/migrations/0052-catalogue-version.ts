import { sqlMigration } from '#platform/postgres/index.ts';

/** Which catalogue was told about last, so that one of many replicas tells of a new one. */
export const catalogueVersion = sqlMigration(
  '20261121-0052-catalogue-version',
  `
create table catalogue_version (
  single boolean primary key default true check (single),
  version text not null,
  -- How many there have been: the version of the event.
  number bigint not null,
  since timestamptz not null
);
`,
);
