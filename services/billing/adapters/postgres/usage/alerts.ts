import { LockMode } from '@mikro-orm/core';
import { type Database, decodeCursor, encodeCursor, type Queryable, type Transaction, withIdempotency } from '#platform/postgres/index.ts';
import { appError } from '#platform/errors/index.ts';
import type { Alert, Alerts, CreateAlertResult, NewAlert } from '../../../app/alerts/ports.ts';
import { walletCurrency } from '../../../domain/ledger.ts';
import { isMeter } from '../../../domain/usage-meters.ts';
import { datedCursor } from '../dated-cursor.ts';
import { BudgetRow, UsageAlertEventRow, UsageAlertRow } from './rows.ts';

/** An answer that is no answer to keep: it undoes the transaction, and with it the key. */
export class Refused<T> extends Error {
  readonly answer: T;
  constructor(answer: T) {
    super('refused');
    this.answer = answer;
  }
}
export const orRefused = async <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    if (error instanceof Refused) return error.answer as T;
    throw error;
  });

export const alertOf = (row: UsageAlertRow): Alert => ({
  id: row.id,
  tenantId: row.tenantId,
  name: row.name,
  metric: row.metric,
  meter: isMeter(row.meter) ? row.meter : undefined,
  budgetId: row.budgetId ?? undefined,
  threshold: row.threshold,
  direction: row.direction,
  recurrence: row.recurrence,
  enabled: row.enabled,
  fired: row.fired,
  lastFiredAt: row.lastFiredAt ?? undefined,
  createdAt: row.createdAt,
});

/** Of a wallet only what comes is watched, and the balance of now: from its last entry on. */
const watchWalletSql = `update usage_alerts a set seen_sequence = w.entry_count - 1, seen_at = coalesce(w.last_entry_at, '-infinity')
  from accounts w where a.id = $1 and a.metric = 'wallet_balance' and w.kind = 'wallet' and w.tenant_id = a.tenant_id and w.currency = $2 and w.entry_count > 0`;

export const insertAlert = async (tx: Transaction, alert: NewAlert): Promise<void> => {
  const { meter, budgetId, ...same } = alert;
  await tx.em.insert(UsageAlertRow, {
    ...same,
    meter: meter ?? '',
    budgetId: budgetId ?? null,
    fired: 0n,
    firedBefore: 0n,
    updatedAt: alert.createdAt,
  });
  await tx.query(watchWalletSql, [alert.id, walletCurrency]);
};

const alertCount = async (tx: Queryable, tenantId: string): Promise<number> =>
  (await tx.query<{ count: number }>('select count(*)::int as count from usage_alerts where tenant_id = $1', [tenantId]))[0]?.count ?? 0;

export const postgresAlerts = (db: Database): Alerts => ({
  create: ({ tenantId, idempotencyKey, request, alert, most }) =>
    orRefused<CreateAlertResult>(
      db.transaction((tx) =>
        withIdempotency(tx, { tenantId, operation: 'billing.create-alert', key: idempotencyKey, request }, async () => {
          if ((await alertCount(tx, tenantId)) >= most) throw new Refused<CreateAlertResult>({ outcome: 'too_many' });
          if (alert.budgetId !== undefined && (await tx.em.count(BudgetRow, { id: alert.budgetId, tenantId })) === 0)
            throw new Refused<CreateAlertResult>({ outcome: 'no_budget' });
          await insertAlert(tx, alert);
          return { outcome: 'done' as const, alert: { ...alert, fired: 0n, lastFiredAt: undefined } };
        }),
      ),
    ),

  find: async (tenantId, id) => {
    const row = await db.em().findOne(UsageAlertRow, { id, tenantId });
    return row === null ? undefined : alertOf(row);
  },

  list: async (tenantId, { limit, cursor }) => {
    const after = datedCursor(cursor, 'uuid');
    const older =
      after === undefined ? {} : { $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, id: { $lt: String(after.tie) } }] };
    const rows = await db
      .em()
      .find(UsageAlertRow, { tenantId, ...older }, { orderBy: { createdAt: 'desc', id: 'desc' }, limit: limit + 1 });
    const alerts = rows.slice(0, limit).map(alertOf);
    const last = alerts.at(-1);
    return { alerts, nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.createdAt, last.id]) : '' };
  },

  change: (tenantId, id, { name, enabled, threshold }, now) =>
    db.transaction(async (tx) => {
      const row = await tx.em.findOne(UsageAlertRow, { id, tenantId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (row === null) return undefined;
      const change = {
        updatedAt: now,
        ...(name === undefined ? {} : { name }),
        ...(enabled === undefined ? {} : { enabled }),
        // Another threshold: what was seen says nothing about it, nor what was crossed.
        ...(threshold === undefined ? {} : { threshold, seenScope: null, seenValue: null, firedBefore: row.fired }),
      };
      await tx.em.nativeUpdate(UsageAlertRow, { id, tenantId }, change);
      if (threshold !== undefined) await tx.query(watchWalletSql, [id, walletCurrency]);
      return alertOf({ ...row, ...change });
    }),

  remove: async (tenantId, id) => (await db.em().nativeDelete(UsageAlertRow, { id, tenantId })) > 0,

  firings: async (tenantId, id, { limit, cursor }) => {
    const [before] = decodeCursor(cursor, 1) ?? [];
    if (before !== undefined && typeof before !== 'bigint')
      throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
    const rows = await db
      .em()
      .find(
        UsageAlertEventRow,
        { alertId: id, tenantId, ...(before === undefined ? {} : { number: { $lt: before } }) },
        { orderBy: { number: 'desc' }, limit: limit + 1 },
      );
    const firings = rows.slice(0, limit).map(({ number, threshold, value, occurredAt }) => ({ number, threshold, value, occurredAt }));
    return { firings, nextCursor: rows.length > limit ? encodeCursor([firings.at(-1)?.number ?? 0n]) : '' };
  },
});
