import { startGrpcServer } from '#platform/grpc/index.ts';
import { runMain, type RunningService, startService, startWorker, type Worker } from '#platform/lifecycle/index.ts';
import { inBatch, openBus, startBatchConsumer, startConsumer, startRelay } from '#platform/messaging/index.ts';
import { openDatabase, type Transaction } from '#platform/postgres/index.ts';
import { type Clock, systemClock } from '#platform/time/index.ts';
import { type BillingUseCases, billingServices } from './adapters/grpc/server.ts';
import { billingMonitor } from './adapters/monitor/monitor.ts';
import { campaignHandlers, type SettlementUseCases, tenantHandlers, verificationHandlers } from './adapters/nats/handlers.ts';
import { postgresHolds } from './adapters/postgres/ledger/hold-ledger.ts';
import { postgresHoldSettlement } from './adapters/postgres/ledger/hold-settlement.ts';
import { postgresNotifications } from './adapters/postgres/payments/notifications.ts';
import { postgresPayments } from './adapters/postgres/payments/payments.ts';
import { entities } from './adapters/postgres/rows.ts';
import { openWalletRow, postgresWallets } from './adapters/postgres/ledger/wallets.ts';
import { captureHold } from './app/ledger/capture-hold.ts';
import { collectCharge } from './app/ledger/collect-charge.ts';
import { confirmHold } from './app/ledger/confirm-hold.ts';
import { expireHolds } from './app/ledger/expire-holds.ts';
import { getHold } from './app/ledger/get-hold.ts';
import { getPayment } from './app/payments/get-payment.ts';
import { getWallet } from './app/ledger/get-wallet.ts';
import { giveBackHold } from './app/ledger/give-back-hold.ts';
import { grantCredit } from './app/ledger/grant-credit.ts';
import { listPayments } from './app/payments/list-payments.ts';
import { listTransactions } from './app/ledger/list-transactions.ts';
import { placeHold } from './app/ledger/place-hold.ts';
import type { BillingMonitor } from './app/ports.ts';
import { processNotifications } from './app/payments/process-notifications.ts';
import { receiveNotification } from './app/payments/receive-notification.ts';
import { reconcilePayments } from './app/payments/reconcile-payments.ts';
import { releaseHold } from './app/ledger/release-hold.ts';
import { startPayment } from './app/payments/start-payment.ts';
import { type BillingConfig, billingConfig } from './config.ts';
import { openGateways } from './open-gateways.ts';

/** The use cases of consumers, over repositories that are bound to the consumer's transaction. */
const settlementIn =
  ({ clock, monitor }: { readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  (tx: Transaction): SettlementUseCases => {
    const holds = postgresHoldSettlement(tx);
    return {
      openWallet: async (tenantId) => void (await openWalletRow(tx, tenantId, clock.now())),
      confirmHold: confirmHold({ holds }),
      collectCharge: collectCharge({ holds, clock, monitor }),
      giveBackHold: giveBackHold({ holds, clock }),
    };
  };

/** Small enough that the wallets it locks are free again within some ten milliseconds. */
const settlementBatch = 64;

/** Starts billing. @returns the running service; its address is `grpc` */
export const start = (config: BillingConfig, { clock = systemClock }: { readonly clock?: Clock } = {}): Promise<RunningService> =>
  startService('billing', config, async (life) => {
    const { logger, metrics } = life;
    const db = await life.own(
      'postgres',
      openDatabase({
        url: config.databaseUrl,
        applicationName: 'billing',
        poolMax: config.databasePoolMax,
        statementTimeoutMs: config.statementTimeoutMs,
        entities,
        logger,
      }),
    );
    const bus = await life.own('nats', openBus({ url: config.natsUrl, name: 'billing', logger }));
    await life.own('relay', startRelay({ db, bus, logger, metrics }));

    const monitor = billingMonitor({ logger, metrics });
    const gatewayCalls = metrics.histogram('http_client_duration_seconds');
    const gateways = await openGateways(
      config,
      life,
      (name) => (operation, outcome, seconds) => gatewayCalls.observe({ peer: `payment ${name}`, operation, outcome }, seconds),
    );

    const holds = postgresHolds(db);
    const wallets = postgresWallets(db);
    const payments = postgresPayments(db);
    const notifications = postgresNotifications(db);
    const paying = { payments, gateways, clock, monitor, firstCheckMs: config.paymentFirstCheckMs };

    const worker = (name: string, intervalMs: number, work: () => Promise<number>): Promise<Worker> =>
      life.own(
        name,
        startWorker({
          name,
          intervalMs,
          work,
          onError: (error, failed) => logger.error({ err: error, worker: failed }, 'a worker failed; it tries again'),
        }),
      );
    await worker('hold sweeper', config.sweepIntervalMs, expireHolds({ holds, clock, monitor }));
    const processing = await worker('notifications', config.notificationIntervalMs, processNotifications({ ...paying, notifications }));
    const reconciliation = await worker('reconciliation', config.reconcileIntervalMs, reconcilePayments(paying));

    const useCasesIn = settlementIn({ clock, monitor });
    await life.own(
      'tenant events',
      startConsumer({ db, bus, logger, metrics, durable: 'billing-tenant', handlers: tenantHandlers(useCasesIn) }),
    );
    await life.own(
      'verification events',
      // In batches: on a busy wallet many small transactions would spend their time waiting for each other.
      startBatchConsumer({
        db,
        bus,
        logger,
        metrics,
        durable: 'billing-verification',
        maxBatch: settlementBatch,
        maxWaitMs: 20,
        handle: inBatch(verificationHandlers(useCasesIn)),
      }),
    );
    await life.own(
      'campaign events',
      startConsumer({ db, bus, logger, metrics, durable: 'billing-campaign', handlers: campaignHandlers(useCasesIn) }),
    );

    const useCases: BillingUseCases = {
      placeHold: placeHold({ holds, clock, monitor }),
      captureHold: captureHold({ holds, clock, monitor }),
      releaseHold: releaseHold({ holds, clock, monitor }),
      getHold: getHold({ holds }),
      grantCredit: grantCredit({ wallets, clock }),
      getWallet: getWallet({ wallets }),
      listTransactions: listTransactions({ wallets }),
      startPayment: startPayment(paying),
      getPayment: getPayment({ payments, clock, wakeReconciliation: reconciliation.wake }),
      listPayments: listPayments({ payments }),
      receiveNotification: receiveNotification({ notifications, gateways, clock, wakeProcessing: processing.wake }),
    };
    const { grpcHost: host, grpcPort: port, principalKey, grpcMaxInFlight: maxInFlight } = config;
    const grpc = await life.own(
      'grpc',
      startGrpcServer({ host, port, principalKey, logger, metrics, maxInFlight, services: billingServices(useCases) }),
    );

    life.readiness('postgres', () => db.ping());
    life.readiness('nats', () => bus.ping());
    life.address('grpc', grpc.port);
  });

if (import.meta.main) await runMain(() => start(billingConfig.parse(process.env)));
