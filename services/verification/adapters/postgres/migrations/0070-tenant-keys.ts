import { sqlMigration } from '#platform/postgres/index.ts';

/** Keys of tenants, wrapped by one that the database does not have. A destroyed key keeps its row: its version is never given again. */
export const tenantKeys = sqlMigration(
  '20261121-0070-tenant-keys',
  `
create table data_keys (
  -- A tenant's id, or "service…" for what belongs to no tenant.
  owner text not null,
  version integer not null check (version > 0),
  wrapper_id text not null,
  wrapped bytea,
  created_at timestamptz not null,
  destroyed_at timestamptz,
  primary key (owner, version),
  check ((wrapped is null) = (destroyed_at is not null))
);
create index data_keys_wrapper on data_keys (wrapper_id) where wrapped is not null;
`,
);
