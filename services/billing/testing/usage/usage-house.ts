import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { hourMs, testClock } from '#platform/time/index.ts';
import { postgresAudit } from '../../adapters/postgres/ledger/audit.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { entities } from '../../adapters/postgres/rows.ts';
import { postgresAlertWatch } from '../../adapters/postgres/usage/alert-watch.ts';
import { postgresAlerts } from '../../adapters/postgres/usage/alerts.ts';
import { postgresBudgets, postgresSpending } from '../../adapters/postgres/usage/budgets.ts';
import { postgresUsageCharges } from '../../adapters/postgres/usage/charges.ts';
import { usageStore } from '../../adapters/postgres/usage/log.ts';
import { postgresUsageReader } from '../../adapters/postgres/usage/reader.ts';
import { createAlert, type CreateAlertRequest } from '../../app/alerts/create-alert.ts';
import { watchAlerts } from '../../app/alerts/watch-alerts.ts';
import { createBudget, type CreateBudgetRequest } from '../../app/budgets/create-budget.ts';
import { chargeUsage } from '../../app/usage/charge-usage.ts';
import type { ChargeOutcome, UsageSubscriptions } from '../../app/usage/ports.ts';
import { recordUsage } from '../../app/usage/record-usage.ts';
import type { ReportedEvent } from '../../domain/usage-events.ts';
import { openBooks, postgresBooks } from '../ledger/postgres-books.ts';
import { granting } from '../ledger/books.contract.ts';

export const start = new Date('2026-03-10T12:00:00.000Z');

/** Plans, periods and zones as a test sets them. */
export const fakeSubscriptions = () => {
  const plans = new Map<string, string>();
  const changes = new Map<string, { readonly at: Date; readonly plan: string }>();
  const zones = new Map<string, string>();
  const billed = new Map<string, { startsAt: Date; endsAt: Date }[]>();
  const reader: UsageSubscriptions = {
    planOf: async (tenantId, at) => {
      const change = changes.get(tenantId);
      return change !== undefined && at >= change.at ? change.plan : (plans.get(tenantId) ?? 'starter');
    },
    zoneOf: async (tenantId) => zones.get(tenantId) ?? 'UTC',
    periodOf: async (tenantId, at) => billed.get(tenantId)?.find(({ startsAt, endsAt }) => startsAt <= at && at < endsAt),
  };
  return { reader, plans, changes, zones, billed };
};

export const openUsageHouse = async () => {
  const database = await createTestDatabase('billing', migrations);
  const db: Database = await openDatabase({
    url: database.url,
    applicationName: 'usage-test',
    poolMax: 12,
    statementTimeoutMs: 20_000,
    entities,
  });
  /** A second replica: its own pool, its own batches. */
  const other = await openBooks(database.url, 4);
  const clock = testClock(start);
  const subscriptions = fakeSubscriptions();
  const store = usageStore(db);
  const charges = postgresUsageCharges(db);
  const alerts = postgresAlerts(db);
  const budgets = postgresBudgets(db);
  const spending = postgresSpending(db);
  const watch = postgresAlertWatch(db);
  const books = postgresBooks(db);
  const outcomes: ChargeOutcome[] = [];
  const charging = { charges, periods: store, subscriptions: subscriptions.reader, clock, longestWaitMs: hourMs };
  const record = recordUsage({ log: store, periods: store, subscriptions: subscriptions.reader, clock });
  const looker = watchAlerts({ watch, clock, monitor: { alertsFired: () => {} } });
  const outbox = async (subject: string) =>
    db.query<{ aggregate_id: string; payload: Buffer }>('select aggregate_id, payload from outbox where subject = $1 order by seq', [
      subject,
    ]);
  return {
    ...{ db, clock, subscriptions, store, charges, alerts, budgets, spending, books, outcomes, record, looker, watch, outbox },
    replica: { books: postgresBooks(other), charges: postgresUsageCharges(other) },
    reader: postgresUsageReader(db),
    charge: (minimumMicros = 0n) =>
      chargeUsage({ ...charging, minimumMicros, monitor: { usageCharged: (outcome) => void outcomes.push(outcome) } }),
    /** Everything that is due, until nothing is. */
    settle: async (minimumMicros = 0n): Promise<void> => {
      const look = chargeUsage({ ...charging, minimumMicros, monitor: { usageCharged: (outcome) => void outcomes.push(outcome) } });
      for (let count = 0; count < 50 && (await look()) > 0; count++);
    },
    look: async (): Promise<void> => {
      for (let count = 0; count < 50 && (await looker()) > 0; count++);
    },
    lookFromReplica: () => watchAlerts({ watch: postgresAlertWatch(other), clock, monitor: { alertsFired: () => {} } })(),
    rich: async (micros = 1_000_000_000n): Promise<string> => {
      const tenantId = newId();
      await books.grant({ ...granting(tenantId, micros), now: clock.now() });
      return tenantId;
    },
    balance: async (tenantId: string): Promise<bigint> => (await books.wallet(tenantId))?.balanceMicros ?? 0n,
    alert: (tenantId: string, over: Partial<CreateAlertRequest>) =>
      createAlert({ alerts, clock })(tenantId, {
        ...{ idempotencyKey: newId(), name: 'alert', metric: 'usage_quantity', meter: 'api.calls', budgetId: '' },
        ...{ threshold: '100', direction: 'up', recurrence: 'every', ...over },
      }),
    budget: (tenantId: string, micros: bigint, over: Partial<CreateBudgetRequest> = {}) =>
      createBudget({ budgets, zoneOf: subscriptions.reader.zoneOf, clock })(tenantId, {
        ...{ idempotencyKey: newId(), name: 'budget', interval: 'daily', product: '', amount: money('USD', micros), hard: true },
        ...{ zone: '', alertAtPercent: [], ...over },
      }),
    audit: () => postgresAudit(db).firstDivergence(),
    close: async () => {
      await Promise.all([db.close(), other.close()]);
      await database.close();
    },
  };
};
export type UsageHouse = Awaited<ReturnType<typeof openUsageHouse>>;

export const calls = (tenantId: string, quantity: bigint, over: Partial<ReportedEvent> = {}): ReportedEvent => ({
  ...{ tenantId, meter: 'api.calls', id: newId(), quantity, occurredAt: start, properties: {} },
  ...over,
});

export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (isAppError(error) ? `${error.code} ${error.fields.map(({ field }) => field).join(',')}`.trim() : String(error)),
  );
