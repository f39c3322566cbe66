import type { Database } from '#platform/postgres/index.ts';
import type { AuditDiary } from '../../../app/verify/ports.ts';

const beginSql = `insert into ledger_audits as a (day, started_at) values ($1, $2)
  on conflict (day) do update set started_at = excluded.started_at where a.finished_at is null and a.started_at < $3 returning day`;
const finishSql = `update ledger_audits set finished_at = $2, laws = $3, broken = $4, first_law = $5, imbalance_micros = $6 where day = $1`;
const latestSql = `select finished_at, broken, imbalance_micros from ledger_audits where finished_at is not null order by day desc limit 1`;

export const postgresDiary = (db: Database): AuditDiary => ({
  begin: async (day, now, staleBefore) => (await db.query(beginSql, [day, now, staleBefore])).length > 0,
  finish: async (day, { laws, divergences, imbalanceMicros }, now) =>
    void (await db.query(finishSql, [day, now, laws, divergences.length, divergences[0]?.law ?? '', imbalanceMicros])),
  latest: async () => {
    const [row] = await db.query<{ finished_at: Date; broken: number; imbalance_micros: bigint }>(latestSql);
    return row && { finishedAt: row.finished_at, broken: row.broken, imbalanceMicros: row.imbalance_micros };
  },
  openHolds: async () => (await db.query<{ count: bigint }>(`select count(*) from holds where state = 'held'`))[0]?.count ?? 0n,
});
