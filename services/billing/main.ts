import { startGrpcServer } from '#platform/grpc/index.ts';
import { runMain, type RunningService, startService, startWorker } from '#platform/lifecycle/index.ts';
import { openBus, startRelayThread } from '#platform/messaging/index.ts';
import { openDatabase } from '#platform/postgres/index.ts';
import { type Clock, systemClock } from '#platform/time/index.ts';
import { type BillingUseCases, billingServices } from './adapters/grpc/server.ts';
import { ledgerServices } from './adapters/grpc/ledger.ts';
import { billingMonitor } from './adapters/monitor/monitor.ts';
import { entities } from './adapters/postgres/rows.ts';
import { type BillingConfig, billingConfig } from './config.ts';
import { openAdjustments } from './open-adjustments.ts';
import { openDocuments } from './open-documents.ts';
import { chargeService } from './adapters/grpc/charges.ts';
import { postgresCharges } from './adapters/postgres/prices/charges.ts';
import { giveBack } from './app/prices/give-back.ts';
import { openLedger, type StartWorker } from './open-ledger.ts';
import { openMargins } from './open-margins.ts';
import { openPayments } from './open-payments.ts';
import { openPlans } from './open-plans.ts';
import { openPrices } from './open-prices.ts';
import { openTransactions } from './open-transactions.ts';
import { openVerify } from './open-verify.ts';
import { openUsage } from './open-usage.ts';

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
    // In a thread of its own: callers of the ledger wait for this one.
    const { databaseUrl, natsUrl, statementTimeoutMs } = config;
    await life.own('relay', startRelayThread({ db, databaseUrl, natsUrl, name: 'billing', statementTimeoutMs, logger, metrics }));

    const monitor = billingMonitor({ logger, metrics });
    const worker: StartWorker = (name, intervalMs, work, pauseMs) =>
      life.own(
        name,
        startWorker({
          name,
          intervalMs,
          ...(pauseMs === undefined ? {} : { pauseMs }),
          work,
          onError: (error, failed) => logger.error({ err: error, worker: failed }, 'a worker failed; it tries again'),
        }),
      );
    const ledger = await openLedger({ config, life, db, bus, clock, monitor, worker });
    const payments = await openPayments({ config, life, db, clock, monitor, worker });

    const useCases: BillingUseCases = { ...ledger, ...openTransactions({ db }), ...payments.useCases };
    const plans = await openPlans({ config, life, db, clock, worker });
    const usage = await openUsage({ config, life, db, bus, clock, worker, plans });
    const prices = openPrices({ db, clock, plans });
    const documents = await openDocuments({ config, db, clock, worker });
    await openVerify({ config, life, db, clock, worker });
    const adjustments = await openAdjustments({ config, db, clock, worker });
    const margins = await openMargins({ life, db, bus });
    const { grpcHost: host, grpcPort: port, principalKey, grpcMaxInFlight: maxInFlight } = config;
    const grpc = await life.own(
      'grpc',
      startGrpcServer({
        host,
        port,
        principalKey,
        logger,
        metrics,
        maxInFlight,
        services: [
          ...billingServices(useCases),
          payments.refunds,
          payments.disputes,
          payments.methods,
          ...ledgerServices(ledger),
          ...plans.services,
          ...prices.services,
          chargeService({ giveBack: giveBack({ charges: postgresCharges(db), refundCharge: ledger.refundCharge }) }),
          ...documents,
          ...adjustments,
          ...usage,
          ...margins,
        ],
      }),
    );

    life.readiness('postgres', () => db.ping());
    life.readiness('nats', () => bus.ping());
    life.address('grpc', grpc.port);
  });

if (import.meta.main) await runMain(() => start(billingConfig.parse(process.env)));
