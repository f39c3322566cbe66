import type { Database } from '#platform/postgres/index.ts';
import type { DataKey, KeyStore } from '#platform/sealing/index.ts';

interface Row {
  readonly owner: string;
  readonly version: number;
  readonly wrapper_id: string;
  readonly wrapped: Buffer | null;
  readonly created_at: Date;
}

const keyOf = (row: Row): DataKey => ({
  ...{ owner: row.owner, version: row.version, wrapperId: row.wrapper_id, wrapped: row.wrapped ?? undefined, createdAt: row.created_at },
});

const columns = 'owner, version, wrapper_id, wrapped, created_at';
const readSql = `select ${columns} from data_keys where owner = $1 order by version`;
const addSql = `insert into data_keys (${columns}) values ($1, $2, $3, $4, $5) on conflict (owner, version) do nothing`;

const othersSql = `select ${columns} from data_keys where wrapped is not null and wrapper_id <> $1 order by owner, version limit $2`;

const rewrapSql = `
update data_keys set wrapper_id = $4, wrapped = $5 where owner = $1 and version = $2 and wrapper_id = $3 and wrapped is not null returning version`;

const oldSql = `
select owner from data_keys where wrapped is not null group by owner having max(created_at) < $1 order by owner limit $2`;

const destroySql = `update data_keys set wrapped = null, destroyed_at = $2 where owner = $1 and wrapped is not null returning version`;

/** Data keys in PostgreSQL. */
export const postgresKeys = (db: Pick<Database, 'query'>): KeyStore => {
  const read = async (owner: string): Promise<readonly DataKey[]> =>
    (await db.query<Row>(readSql, [owner], { name: 'data-keys-read' })).map(keyOf);
  return {
    read,
    add: async ({ owner, version, wrapperId, wrapped, createdAt }) => {
      await db.query(addSql, [owner, version, wrapperId, wrapped, createdAt]);
      // A statement of its own: only a later one sees what somebody else has written first.
      return read(owner);
    },
    wrappedByOthers: async (wrapperId, limit) => (await db.query<Row>(othersSql, [wrapperId, limit])).map(keyOf),
    rewrap: async ({ owner, version, wrapperId }, to) =>
      (await db.query(rewrapSql, [owner, version, wrapperId, to.wrapperId, to.wrapped])).length > 0,
    ownersOlderThan: async (before, limit) => (await db.query<{ owner: string }>(oldSql, [before, limit])).map(({ owner }) => owner),
    destroy: async (owner, at) => (await db.query(destroySql, [owner, at])).length,
  };
};
