import type { BoundService } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { refundService } from './adapters/grpc/refunds.ts';
import type { BillingUseCases } from './adapters/grpc/server.ts';
import { postgresNotifications } from './adapters/postgres/payments/notifications.ts';
import { postgresPayments } from './adapters/postgres/payments/payments.ts';
import { postgresRefunds } from './adapters/postgres/payments/refunds.ts';
import { beginPaymentCounters } from './adapters/monitor/monitor.ts';
import { statementMonitor } from './adapters/monitor/statements.ts';
import { postgresStatementBook, postgresStatementDiary } from './adapters/postgres/payments/statements.ts';
import { compareStatements } from './app/payments/compare-statements.ts';
import { disputeService } from './adapters/grpc/disputes.ts';
import { postgresDisputes } from './adapters/postgres/payments/disputes.ts';
import { followDisputes } from './app/payments/follow-disputes.ts';
import { getDispute } from './app/payments/get-dispute.ts';
import { listDisputes } from './app/payments/list-disputes.ts';
import { paymentMethodService } from './adapters/grpc/payment-methods.ts';
import { postgresPaymentMethods, postgresTopUps } from './adapters/postgres/payments/methods.ts';
import { changePaymentMethod } from './app/payments/change-payment-method.ts';
import { getTopUp } from './app/payments/get-top-up.ts';
import { saveMethods } from './app/payments/save-methods.ts';
import { setTopUp } from './app/payments/set-top-up.ts';
import { topUpWallets } from './app/payments/top-up.ts';
import { gatewayHealth } from './app/payments/gateway-health.ts';
import { getPaymentLog } from './app/payments/get-payment-log.ts';
import { getPayment } from './app/payments/get-payment.ts';
import { getRefund } from './app/payments/get-refund.ts';
import { listPayments } from './app/payments/list-payments.ts';
import { listRefunds } from './app/payments/list-refunds.ts';
import { processNotifications } from './app/payments/process-notifications.ts';
import { processRefunds } from './app/payments/process-refunds.ts';
import { receiveNotification } from './app/payments/receive-notification.ts';
import { reconcilePayments } from './app/payments/reconcile-payments.ts';
import { requestRefund } from './app/payments/request-refund.ts';
import { retryPayment } from './app/payments/retry-payment.ts';
import { startPayment } from './app/payments/start-payment.ts';
import type { BillingMonitor } from './app/ports.ts';
import type { BillingConfig } from './config.ts';
import { openGateways } from './open-gateways.ts';
import type { StartWorker } from './open-ledger.ts';

export interface PaymentParts {
  readonly config: BillingConfig;
  readonly life: Life;
  readonly db: Database;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
  readonly worker: StartWorker;
}

type PaymentUseCases = Pick<
  BillingUseCases,
  'startPayment' | 'retryPayment' | 'getPayment' | 'getPaymentLog' | 'listPayments' | 'receiveNotification'
>;

/** Part of the composition root: payments, their webhooks, refunds and disputes. */
export const openPayments = async ({
  config,
  life,
  db,
  clock,
  monitor,
  worker,
}: PaymentParts): Promise<{
  readonly useCases: PaymentUseCases;
  readonly refunds: BoundService;
  readonly disputes: BoundService;
  readonly methods: BoundService;
}> => {
  const calls = life.metrics.histogram('http_client_duration_seconds');
  const gateways = await openGateways(
    config,
    life,
    (name) => (operation, outcome, seconds) => calls.observe({ peer: `payment ${name}`, operation, outcome }, seconds),
  );
  beginPaymentCounters(life.metrics, gateways.keys());
  const payments = postgresPayments(db);
  const notifications = postgresNotifications(db);
  const refunds = postgresRefunds(db);
  const refunding = await worker('refunds', config.refundIntervalMs, processRefunds({ refunds, gateways, clock, monitor }));
  const paying = {
    payments,
    refunds,
    gateways,
    clock,
    monitor,
    health: gatewayHealth(clock),
    firstCheckMs: config.paymentFirstCheckMs,
    wakeRefunds: refunding.wake,
  };
  const disputes = postgresDisputes(db);
  const following = await worker('disputes', config.disputeIntervalMs, followDisputes({ disputes, gateways, clock, monitor }));
  const processing = await worker(
    'notifications',
    config.notificationIntervalMs,
    processNotifications({ ...paying, notifications, wakeDisputes: following.wake }),
  );
  const reconciliation = await worker('reconciliation', config.reconcileIntervalMs, reconcilePayments(paying));
  await worker(
    'statements',
    config.auditIntervalMs,
    compareStatements({
      gateways,
      book: postgresStatementBook(db),
      diary: postgresStatementDiary(db),
      monitor: statementMonitor({ logger: life.logger, metrics: life.metrics }),
      clock,
      hour: config.auditHour,
    }),
  );
  const methods = postgresPaymentMethods(db);
  const topUps = postgresTopUps(db);
  const start = startPayment({ ...paying, methods });
  await worker('payment methods', config.notificationIntervalMs, saveMethods({ methods, gateways, clock, monitor }));
  const filling = await worker('top-ups', config.topUpIntervalMs, topUpWallets({ topUps, methods, start, clock }));
  return {
    methods: paymentMethodService({
      listPaymentMethods: methods.list,
      changePaymentMethod: changePaymentMethod({ methods, clock }),
      getTopUp: getTopUp({ topUps }),
      setTopUp: setTopUp({ topUps, methods, clock, wakeTopUps: filling.wake }),
    }),
    useCases: {
      startPayment: start,
      retryPayment: retryPayment(paying),
      getPayment: getPayment({ payments, clock, wakeReconciliation: reconciliation.wake }),
      getPaymentLog: getPaymentLog({ payments }),
      listPayments: listPayments({ payments }),
      receiveNotification: receiveNotification({ notifications, gateways, clock, wakeProcessing: processing.wake }),
    },
    disputes: disputeService({ getDispute: getDispute({ disputes }), listDisputes: listDisputes({ disputes }) }),
    refunds: refundService({
      requestRefund: requestRefund(paying),
      getRefund: getRefund({ refunds }),
      listRefunds: listRefunds({ refunds }),
    }),
  };
};
