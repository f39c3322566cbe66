import type { Database } from '#platform/postgres/index.ts';
import type { OrphanPush, VerificationStore } from '../../app/ports.ts';
import { fromSql, type SqlRow } from './rows.ts';

interface OrphanColumns {
  readonly o_id: string;
  readonly o_sealed: Buffer;
  readonly o_fingerprint: Buffer;
  readonly o_arrived_at: Date;
}

const orphanOf = (row: SqlRow & OrphanColumns): OrphanPush => ({
  id: row.o_id,
  provider: row.provider,
  activationId: row.activation_id ?? '',
  sealed: row.o_sealed,
  fingerprint: row.o_fingerprint,
  arrivedAt: row.o_arrived_at,
});

/** Pushes that came before their purchase was written down. No tenant is known yet: the activation will name it. */
export const orphanStore = (
  db: Database,
): Pick<VerificationStore, 'keepOrphan' | 'orphansOf' | 'matchedOrphans' | 'dropOrphan' | 'purgeOrphans'> => ({
  keepOrphan: async (orphan) => {
    await db.query(
      `insert into orphan_pushes (id, provider, activation_id, sealed, fingerprint, arrived_at) values ($1, $2, $3, $4, $5, $6)
       on conflict on constraint orphan_pushes_once do nothing`,
      [orphan.id, orphan.provider, orphan.activationId, orphan.sealed, orphan.fingerprint, orphan.arrivedAt],
    );
  },
  orphansOf: async (provider, activationId) => {
    const sql = `select id as o_id, sealed as o_sealed, fingerprint as o_fingerprint, arrived_at as o_arrived_at, provider, activation_id
      from orphan_pushes where provider = $1 and activation_id = $2 order by arrived_at limit 100`;
    return (await db.query<SqlRow & OrphanColumns>(sql, [provider, activationId])).map(orphanOf);
  },
  matchedOrphans: async (limit) => {
    const rows = await db.query<SqlRow & OrphanColumns>(
      `select v.*, o.id as o_id, o.sealed as o_sealed, o.fingerprint as o_fingerprint, o.arrived_at as o_arrived_at
       from orphan_pushes o join verifications v on v.provider = o.provider and v.activation_id = o.activation_id
       order by o.arrived_at limit $1`,
      [limit],
    );
    return rows.map((row) => ({ orphan: orphanOf(row), verification: fromSql(row) }));
  },
  dropOrphan: async (orphan) => {
    await db.query('delete from orphan_pushes where id = $1', [orphan.id]);
  },
  purgeOrphans: async (before) => {
    await db.query('delete from orphan_pushes where arrived_at < $1', [before]);
  },
});
