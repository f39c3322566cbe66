import type { BoundService } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import { type Bus, type ReceivedEvent, startBatchConsumer, startConsumer } from '#platform/messaging/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { alertService } from './adapters/grpc/alerts.ts';
import { budgetService } from './adapters/grpc/budgets.ts';
import { usageService } from './adapters/grpc/usage.ts';
import { paymentHandlers, planHandlers, usageOf } from './adapters/nats/usage-events.ts';
import { postgresDetails } from './adapters/postgres/documents/documents.ts';
import { postgresAlertWatch } from './adapters/postgres/usage/alert-watch.ts';
import { postgresAlerts } from './adapters/postgres/usage/alerts.ts';
import { postgresBudgets, postgresSpending } from './adapters/postgres/usage/budgets.ts';
import { postgresUsageCharges } from './adapters/postgres/usage/charges.ts';
import { postgresUsageLog, usageStore } from './adapters/postgres/usage/log.ts';
import { postgresSubscriptions } from './adapters/postgres/plans/subscriptions.ts';
import { postgresUsageReader } from './adapters/postgres/usage/reader.ts';
import { createAlert } from './app/alerts/create-alert.ts';
import { deleteAlert } from './app/alerts/delete-alert.ts';
import { getAlert } from './app/alerts/get-alert.ts';
import { listAlertEvents } from './app/alerts/list-alert-events.ts';
import { listAlerts } from './app/alerts/list-alerts.ts';
import { updateAlert } from './app/alerts/update-alert.ts';
import { watchAlerts } from './app/alerts/watch-alerts.ts';
import { createBudget } from './app/budgets/create-budget.ts';
import { deleteBudget } from './app/budgets/delete-budget.ts';
import { getBudget } from './app/budgets/get-budget.ts';
import { getSpending } from './app/budgets/get-spending.ts';
import { listBudgets } from './app/budgets/list-budgets.ts';
import { pauseSpending } from './app/budgets/pause-spending.ts';
import { resumeSpending } from './app/budgets/resume-spending.ts';
import { updateBudget } from './app/budgets/update-budget.ts';
import { chargeUsage } from './app/usage/charge-usage.ts';
import { followPlan } from './app/usage/follow-plan.ts';
import { forecastUsage } from './app/usage/forecast-usage.ts';
import { listUsageDays } from './app/usage/list-usage-days.ts';
import { listUsagePeriods } from './app/usage/list-usage-periods.ts';
import { recordChecked, recordUsage } from './app/usage/record-usage.ts';
import { retryOwed } from './app/usage/retry-owed.ts';
import { usageSubscriptions } from './app/usage/subscribed.ts';
import type { BillingConfig } from './config.ts';
import type { StartWorker } from './open-ledger.ts';
import type { OpenPlans } from './open-plans.ts';

export interface UsageParts {
  readonly config: Pick<BillingConfig, 'usageChargeIntervalMs' | 'usageChargeMinimum' | 'usageChargeWaitMs' | 'usageAlertIntervalMs'>;
  readonly life: Life;
  readonly db: Database;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly worker: StartWorker;
  readonly plans: Pick<OpenPlans, 'plans' | 'reader'>;
}

/** "0.10" @throws when it is no amount */
const minimumOf = (text: string): bigint => {
  const micros = parseDecimal(text);
  if (micros === undefined || micros < 0n) throw new Error(`USAGE_CHARGE_MINIMUM: "${text}" is not an amount such as "0.10"`);
  return micros;
};

const counting = { maxBatch: 500, maxWaitMs: 250 } as const;

/** Part of the composition root: metered usage and its charges, alerts, budgets and pauses. */
export const openUsage = async ({ config, life, db, bus, clock, worker, plans }: UsageParts): Promise<readonly BoundService[]> => {
  const { logger, metrics } = life;
  const subscriptions = usageSubscriptions({
    plans: plans.reader,
    subscriptions: postgresSubscriptions(db, plans.plans.currency),
    details: postgresDetails(db),
  });
  const store = usageStore(db);
  const charges = postgresUsageCharges(db);
  const reader = postgresUsageReader(db);
  const alerts = postgresAlerts(db);
  const budgets = postgresBudgets(db);
  const spending = postgresSpending(db);

  const events = metrics.counter('usage_events_total');
  const charged = metrics.counter('usage_charges_total');
  const fired = metrics.counter('usage_alerts_total');
  const counted = (source: string, { accepted, duplicates }: { readonly accepted: number; readonly duplicates: number }): void => {
    events.inc({ source, outcome: 'accepted' }, accepted);
    events.inc({ source, outcome: 'duplicate' }, duplicates);
  };

  const charging = await worker(
    'usage charges',
    config.usageChargeIntervalMs,
    chargeUsage({
      ...{ charges, periods: store, subscriptions, clock },
      monitor: { usageCharged: (outcome) => charged.inc({ outcome }) },
      minimumMicros: minimumOf(config.usageChargeMinimum),
      longestWaitMs: config.usageChargeWaitMs,
    }),
  );
  await worker(
    'usage alerts',
    config.usageAlertIntervalMs,
    watchAlerts({ watch: postgresAlertWatch(db), clock, monitor: { alertsFired: (count) => fired.inc(count) } }),
  );

  const consuming = { db, bus, logger, metrics };
  /** In the consumer's transaction: the inbox row and the usage stand or fall together. Periods that are missing are opened beside it. */
  const count = (source: string) => async (tx: Transaction, received: ReceivedEvent[]) => {
    const usage = received.map(usageOf).filter((event) => event !== undefined);
    if (usage.length === 0) return;
    counted(source, await recordChecked({ log: postgresUsageLog(tx), periods: store, subscriptions, clock })(usage));
  };
  await life.own(
    'verification usage',
    startBatchConsumer({ ...consuming, ...counting, durable: 'billing-usage-verification', handle: count('verification') }),
  );
  await life.own(
    'campaign usage',
    startBatchConsumer({ ...consuming, ...counting, durable: 'billing-usage-campaign', handle: count('campaign') }),
  );
  await life.own(
    'usage payments',
    startConsumer({
      ...consuming,
      durable: 'billing-usage-payment',
      handlers: paymentHandlers(retryOwed({ charges, clock, wakeCharging: charging.wake })),
    }),
  );

  await life.own(
    'usage plans',
    startConsumer({
      ...consuming,
      durable: 'billing-usage-plan',
      handlers: planHandlers(followPlan({ charges, clock, wakeCharging: charging.wake })),
    }),
  );

  const record = recordUsage({ log: store, periods: store, subscriptions, clock });
  return [
    usageService({
      recordUsage: async (reported) => {
        const recorded = await record(reported);
        counted('call', recorded);
        events.inc({ source: 'call', outcome: 'rejected' }, recorded.rejections.length);
        return recorded;
      },
      listUsageDays: listUsageDays({ usage: reader }),
      listUsagePeriods: listUsagePeriods({ usage: reader, subscriptions, clock }),
      forecastUsage: forecastUsage({ usage: reader, subscriptions, clock }),
    }),
    budgetService({
      createBudget: createBudget({ budgets, zoneOf: subscriptions.zoneOf, clock }),
      getBudget: getBudget({ budgets, clock }),
      listBudgets: listBudgets({ budgets, clock }),
      updateBudget: updateBudget({ budgets, clock }),
      deleteBudget: deleteBudget({ budgets }),
      pauseSpending: pauseSpending({ spending, clock }),
      resumeSpending: resumeSpending({ spending, clock }),
      getSpending: getSpending({ spending }),
    }),
    alertService({
      createAlert: createAlert({ alerts, clock }),
      getAlert: getAlert({ alerts }),
      listAlerts: listAlerts({ alerts }),
      updateAlert: updateAlert({ alerts, clock }),
      deleteAlert: deleteAlert({ alerts }),
      listAlertEvents: listAlertEvents({ alerts }),
    }),
  ];
};
