import type { Database } from '#platform/postgres/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { StatementBook, StatementDiary } from '../../../app/payments/ports.ts';
import { attemptColumns, attemptJoin, attemptOf, type StoredAttempt } from './payments.ts';
import { refundColumns, refundOf, type StoredRefund } from './refunds.ts';

const attemptsSql = `select ${attemptColumns} from payment_attempts a ${attemptJoin} where a.gateway = $1`;
const refundsSql = `select ${refundColumns} from refunds r join payment_attempts a on a.id = r.attempt_id where r.gateway = $1`;

/** Our side of the comparison; across tenants, for it is about the platform's own account at a gateway. */
export const postgresStatementBook = (db: Database): StatementBook => ({
  attempts: async (gateway, ids) =>
    (await db.query<StoredAttempt>(`${attemptsSql} and a.id = any($2::uuid[])`, [gateway, ids.filter(isUuid)])).map(attemptOf),
  settledAttempts: async (gateway, from, to) =>
    (
      await db.query<StoredAttempt>(
        `${attemptsSql} and a.status in ('succeeded', 'surplus') and a.settled_at >= $2 and a.settled_at < $3`,
        [gateway, from, to],
      )
    ).map(attemptOf),
  refunds: async (gateway, gatewayRefundIds) =>
    (
      await db.query<StoredRefund>(`${refundsSql} and r.gateway_refund_id <> '' and r.gateway_refund_id = any($2)`, [
        gateway,
        gatewayRefundIds,
      ])
    ).map(refundOf),
  settledRefunds: async (gateway, from, to) =>
    (
      await db.query<StoredRefund>(`${refundsSql} and r.status = 'succeeded' and r.settled_at >= $2 and r.settled_at < $3`, [
        gateway,
        from,
        to,
      ])
    ).map(refundOf),
});

const beginSql = `insert into statement_checks as c (gateway, day, started_at) values ($1, $2, $3)
  on conflict (gateway, day) do update set started_at = excluded.started_at where c.finished_at is null and c.started_at < $4 returning day`;
const finishSql = `update statement_checks set finished_at = $3, lines = $4, findings = $5 where gateway = $1 and day = $2`;
/** Findings stay in sight for as long as days are looked back at, not only until the next day is sound. */
const latestSql = `select max(finished_at) as finished_at, coalesce(sum(jsonb_array_length(findings)), 0)::integer as findings from (
    select finished_at, findings from statement_checks where gateway = $1 and finished_at is not null order by day desc limit 7) newest`;
export const firstDaySql = `select (min(created_at) at time zone 'UTC')::date::text as day from payment_attempts where gateway = $1`;

export const postgresStatementDiary = (db: Database): StatementDiary => ({
  firstDay: async (gateway) => (await db.query<{ day: string | null }>(firstDaySql, [gateway]))[0]?.day ?? undefined,
  begin: async (gateway, day, now, staleBefore) => (await db.query(beginSql, [gateway, day, now, staleBefore])).length > 0,
  finish: async (gateway, day, { lines, findings }, now) =>
    void (await db.query(finishSql, [gateway, day, now, lines, JSON.stringify(findings)])),
  latest: async (gateway) => {
    const [row] = await db.query<{ finished_at: Date | null; findings: number }>(latestSql, [gateway]);
    return row?.finished_at ? { finishedAt: row.finished_at, findings: row.findings } : undefined;
  },
});
