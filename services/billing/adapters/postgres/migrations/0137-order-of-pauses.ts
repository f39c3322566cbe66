import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Pauses and resumptions of one tenant are numbered. Their event bore the time in milliseconds as its version: two of one millisecond, or one of
 * a replica whose clock is behind, did not rise, and customers are told to ignore what does not rise.
 *
 * And operators list disputes by their state: there are few open ones among all that were ever decided.
 */
export const orderOfPauses = sqlMigration(
  '20261122-0137-order-of-pauses',
  `
create table spending_changes (
  tenant_id uuid primary key,
  version bigint not null
);
-- Beyond what has been told, also by a replica of before this migration; the time is only where the numbers begin.
create function next_spending_change(p_tenant uuid, p_at timestamptz) returns bigint language sql volatile as $$
  insert into spending_changes as c (tenant_id, version) values (p_tenant, floor(extract(epoch from p_at) * 1000)::bigint)
  on conflict (tenant_id) do update set version = greatest(c.version + 1, excluded.version)
  returning version
$$;

create index disputes_status on disputes (status, created_at desc, id desc);
`,
);
