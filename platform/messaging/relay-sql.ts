import type { Queryable } from '#platform/postgres/index.ts';
import type { HeaderRow } from './headers.ts';

export interface PendingRow extends HeaderRow {
  readonly seq: bigint;
  readonly payload: Buffer;
  readonly created_at: Date;
  readonly attempts: number;
}

/**
 * Marks the last batch and reads the next in one round trip: the snapshot still shows the marked rows, hence `not in`. By a subquery, which is hashed:
 * `<> all` of a parameter compares every row with every id.
 */
const markAndFetch = `
with marked as (
  update outbox set published_at = now(), attempts = attempts + 1, last_error = null where id = any($1::uuid[]) and published_at is null
)
select seq, id, subject, aggregate_id, aggregate_version, headers, payload, created_at, attempts
from outbox
where published_at is null and parked_at is null and id not in (select unnest($1::uuid[]))
order by seq
limit $2`;

const fetchOnly = `
select seq, id, subject, aggregate_id, aggregate_version, headers, payload, created_at, attempts
from outbox
where published_at is null and parked_at is null
order by seq
limit $1`;

const fail = `
update outbox o
set attempts = o.attempts + 1, last_error = f.error, parked_at = case when o.attempts + 1 >= $3 then now() end
from unnest($1::uuid[], $2::text[]) as f (id, error)
where o.id = f.id and o.published_at is null
returning o.id, o.parked_at is not null as parked`;

const depth = `
select (select count(*) from (select 1 from outbox where published_at is null and parked_at is null limit 10000) as pending) as pending,
  (select count(*) from (select 1 from outbox where parked_at is not null limit 10000) as parked) as parked,
  (select extract(epoch from now() - created_at)::float8 from outbox where published_at is null and parked_at is null order by seq limit 1) as age_seconds`;

export const nextBatch = (connection: Queryable, published: readonly string[], limit: number): Promise<PendingRow[]> =>
  published.length === 0
    ? connection.query<PendingRow>(fetchOnly, [limit], { name: 'relay-fetch' })
    : connection.query<PendingRow>(markAndFetch, [published, limit], { name: 'relay-mark-fetch' });

export interface RowFailure {
  readonly id: string;
  readonly error: string;
}

/** @returns ids of the rows that were parked now */
export const recordFailures = async (connection: Queryable, failures: readonly RowFailure[], maxAttempts: number): Promise<string[]> => {
  const rows = await connection.query<{ id: string; parked: boolean }>(fail, [
    failures.map((f) => f.id),
    failures.map((f) => f.error),
    maxAttempts,
  ]);
  return rows.filter(({ parked }) => parked).map(({ id }) => id);
};

export const outboxDepth = async (connection: Queryable): Promise<{ pending: number; parked: number; ageSeconds: number }> => {
  const [row] = await connection.query<{ pending: bigint; parked: bigint; age_seconds: number | null }>(depth);
  return { pending: Number(row!.pending), parked: Number(row!.parked), ageSeconds: row!.age_seconds ?? 0 };
};
