import { newId } from '#platform/ids/index.ts';
import { publishEvent } from '#platform/messaging/index.ts';
import { type Database, encodeCursor, type Queryable, withIdempotency } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { Budget, Budgets, BudgetStatus, CreateBudgetResult, Pause, PauseSource, Spending } from '../../../app/budgets/ports.ts';
import type { BudgetInterval } from '../../../domain/budget.ts';
import { isProduct } from '../../../domain/ledger.ts';
import { percentScale } from '../../../domain/usage-alerts.ts';
import { datedCursor } from '../dated-cursor.ts';
import { knowsZone } from '../zones.ts';
import { insertAlert, orRefused, Refused } from './alerts.ts';
import { BudgetRow } from './rows.ts';

/** The ledger changes holds of a tenant only under this lock: whoever has it sees nothing half done, and nothing slips past. */
const lockWallets = (tx: Queryable, tenantId: string): Promise<readonly unknown[]> =>
  tx.query(`select 1 as locked from accounts where kind = 'wallet' and tenant_id = $1 order by id for update`, [tenantId]);

const countFromSql = `insert into budget_windows (budget_id, starts_at, spent_micros)
  select b.id, s.starts_at, spent_in_window(b, s.starts_at)
    from budgets b cross join lateral (select budget_window(b.interval, b.zone, $2) as starts_at) s where b.id = $1
  on conflict do nothing`;

const statusSql = `select b.id, b.tenant_id, b.name, b.interval, b.product, b.currency, b.amount_micros, b.hard, b.zone, b.created_at,
    s.starts_at, budget_window_end(b.interval, b.zone, s.starts_at) as ends_at, coalesce(w.spent_micros, 0) as spent_micros
  from budgets b cross join lateral (select budget_window(b.interval, b.zone, $2) as starts_at) s
  left join budget_windows w on w.budget_id = b.id and w.starts_at = s.starts_at
  where b.tenant_id = $1`;

interface StatusRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly name: string;
  readonly interval: BudgetInterval;
  readonly product: string;
  readonly currency: string;
  readonly amount_micros: bigint;
  readonly hard: boolean;
  readonly zone: string;
  readonly created_at: Date;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly spent_micros: bigint;
}
const statusOf = (row: StatusRow): BudgetStatus => ({
  id: row.id,
  tenantId: row.tenant_id,
  name: row.name,
  interval: row.interval,
  product: isProduct(row.product) ? row.product : undefined,
  amountMicros: row.amount_micros,
  currency: row.currency,
  hard: row.hard,
  zone: row.zone,
  createdAt: row.created_at,
  windowStartsAt: row.starts_at,
  windowEndsAt: row.ends_at,
  spentMicros: row.spent_micros,
});

const findStatus = async (queryable: Queryable, tenantId: string, id: string, now: Date): Promise<BudgetStatus | undefined> => {
  const [row] = await queryable.query<StatusRow>(`${statusSql} and b.id = $3`, [tenantId, now, id]);
  return row === undefined ? undefined : statusOf(row);
};

const alertAt = ({ id, tenantId, name, createdAt }: Budget, percent: number) => ({
  ...{
    id: newId(),
    tenantId,
    name: `${name}: ${percent} %`.slice(0, 100),
    metric: 'budget_percent' as const,
    meter: undefined,
    budgetId: id,
  },
  ...{ threshold: BigInt(percent) * percentScale, direction: 'up' as const, recurrence: 'every' as const, enabled: true, createdAt },
});

export const postgresBudgets = (db: Database): Budgets => ({
  create: ({ tenantId, idempotencyKey, request, budget, alertAtPercent, most, now }) =>
    orRefused<CreateBudgetResult>(
      db.transaction((tx) =>
        withIdempotency(tx, { tenantId, operation: 'billing.create-budget', key: idempotencyKey, request }, async () => {
          if (!(await knowsZone(tx, budget.zone, now))) throw new Refused<CreateBudgetResult>({ outcome: 'unknown_zone' });
          await lockWallets(tx, tenantId);
          if ((await tx.em.count(BudgetRow, { tenantId })) >= most) throw new Refused<CreateBudgetResult>({ outcome: 'too_many' });
          await tx.em.insert(BudgetRow, { ...budget, product: budget.product ?? '', updatedAt: now });
          await tx.query(countFromSql, [budget.id, now]);
          for (const percent of alertAtPercent) await insertAlert(tx, alertAt(budget, percent));
          const made = await findStatus(tx, tenantId, budget.id, now);
          if (made === undefined) throw new Error('a budget is gone in the transaction that made it');
          return { outcome: 'done' as const, budget: made };
        }),
      ),
    ),

  find: (tenantId, id, now) => findStatus(db, tenantId, id, now),

  list: async (tenantId, { limit, cursor }, now) => {
    const after = datedCursor(cursor, 'uuid');
    const rows = await db.query<StatusRow>(
      `${statusSql} and ($3::timestamptz is null or (b.created_at, b.id) < ($3::timestamptz, $4::uuid)) order by b.created_at desc, b.id desc limit $5`,
      [tenantId, now, after?.at ?? null, after?.tie ?? null, limit + 1],
    );
    const budgets = rows.slice(0, limit).map(statusOf);
    const last = budgets.at(-1);
    return { budgets, nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.createdAt, last.id]) : '' };
  },

  change: (tenantId, id, { name, amountMicros, hard }, now) =>
    db.transaction(async (tx) => {
      // So that the batch that is under way has been counted, and the next one knows.
      await lockWallets(tx, tenantId);
      await tx.em.nativeUpdate(
        BudgetRow,
        { id, tenantId },
        {
          updatedAt: now,
          ...(name === undefined ? {} : { name }),
          ...(amountMicros === undefined ? {} : { amountMicros }),
          ...(hard === undefined ? {} : { hard }),
        },
      );
      return findStatus(tx, tenantId, id, now);
    }),

  remove: async (tenantId, id) => (await db.em().nativeDelete(BudgetRow, { id, tenantId })) > 0,
});

const pauseSql = `insert into spending_pauses (tenant_id, source, reason, paused_by, paused_at) values ($1, $2, $3, $4, $5)
  on conflict (tenant_id, source) do nothing returning 1 as paused`;

export const postgresSpending = (db: Database): Spending => ({
  pause: (tenantId, { source, reason, by, at }) =>
    db.transaction(async (tx) => {
      const wallets = await lockWallets(tx, tenantId);
      if (source === 'operator' && wallets.length === 0) return false;
      if ((await tx.query(pauseSql, [tenantId, source, reason, by, at])).length > 0)
        await publishEvent(tx, events.billing.spendingPaused, { ...(await changeOf(tx, tenantId, at)), payload: { source, reason } });
      return true;
    }),

  resume: (tenantId, source, _by, now) =>
    db.transaction(async (tx) => {
      const gone = await tx.query('delete from spending_pauses where tenant_id = $1 and source = $2 returning 1 as resumed', [
        tenantId,
        source,
      ]);
      if (gone.length > 0)
        await publishEvent(tx, events.billing.spendingResumed, { ...(await changeOf(tx, tenantId, now)), payload: { source } });
    }),

  pauses: async (tenantId) => {
    const rows = await db.query<{ source: PauseSource; reason: string; paused_by: string; paused_at: Date }>(
      'select source, reason, paused_by, paused_at from spending_pauses where tenant_id = $1 order by source',
      [tenantId],
    );
    return rows.map(({ source, reason, paused_by, paused_at }): Pause => ({ source, reason, by: paused_by, at: paused_at }));
  },
});

/** Pauses and resumptions of one tenant follow each other by number, whatever the clock of who makes them. */
const changeOf = async (tx: Queryable, tenantId: string, at: Date) => {
  const [row] = await tx.query<{ version: bigint }>('select next_spending_change($1, $2) as version', [tenantId, at]);
  if (row === undefined) throw new Error('a change of spending has a number');
  return { tenantId, aggregateId: tenantId, aggregateVersion: row.version, occurredAt: at };
};
