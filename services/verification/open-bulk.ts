import { LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { type BoundService, grpcClient, grpcTls } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { secondMs } from '#platform/time/index.ts';
import { createBatchLedger } from './adapters/billing/batch-ledger.ts';
import { bulkService } from './adapters/grpc/bulk.ts';
import { batchCompletedRow } from './adapters/nats/batch-events.ts';
import { createBatchStore } from './adapters/postgres/bulk/store.ts';
import { startPump } from './adapters/scheduler/pump.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { createBulkObserver } from './adapters/telemetry/bulk-observer.ts';
import { buyItems } from './app/bulk/buy-items.ts';
import { callForBatch } from './app/bulk/call-for-batch.ts';
import { cancelBatch } from './app/bulk/cancel-batch.ts';
import { createBatch } from './app/bulk/create-batch.ts';
import { getBatch } from './app/bulk/get-batch.ts';
import { listBatches } from './app/bulk/list-batches.ts';
import type { BulkPorts } from './app/bulk/ports.ts';
import { workBatches } from './app/bulk/work-batches.ts';
import type { Ports } from './app/ports.ts';
import type { RouteCodes } from './app/routing/ports.ts';
import type { VerificationConfig } from './config.ts';

export interface BulkParts {
  readonly life: Life;
  readonly config: VerificationConfig;
  readonly db: Database;
  /** Of single purchases, which bulk orders are made of. */
  readonly purchases: Ports;
  readonly codes: RouteCodes;
}

export interface Bulk {
  /** The same ports, whose observer also tells bulk orders what became of their numbers: everybody is to use these. */
  readonly purchases: Ports;
  readonly service: BoundService;
  /** Starts the two workers: one buys, one carries orders to their end. */
  start(): Promise<void>;
}

const batchesAtOnce = 16;
const reserveMs = 3 * secondMs;

/** Part of the composition root: bulk orders. */
export const openBulk = async ({ life, config, db, purchases: plain, codes }: BulkParts): Promise<Bulk> => {
  const { logger, metrics } = life;
  const { clock } = plain;
  const toBilling = {
    address: config.billingAddress,
    principalKey: config.principalKey,
    caller: 'verification',
    metrics,
    tls: grpcTls(config),
  };
  const billing = await life.own('billing of bulk orders', grpcClient(LedgerServiceClient, { ...toBilling, defaultDeadlineMs: reserveMs }));
  const batches = createBatchStore({ db, completedRow: batchCompletedRow(() => clock.now()) });
  const observer = createBulkObserver({ logger, metrics });
  const purchases: Ports = { ...plain, observer: callForBatch(plain.observer, { batches, clock, observer }) };
  const { retryMs, retryMaxMs, bulkBuyMs: buyMs, bulkLookMs: lookMs } = config;
  const timing = { buyMs, reserveMs, retryMs, retryMaxMs, lookMs };
  const bulk: BulkPorts = { batches, money: createBatchLedger(billing), observer, timing, clock, purchases };
  const { schedulerTickMs: tickMs, schedulerLeaseMs: leaseMs } = config;
  return {
    purchases,
    service: bulkService(
      {
        createBatch: createBatch(bulk),
        getBatch: getBatch(bulk),
        listBatches: listBatches(bulk),
        cancelBatch: cancelBatch(bulk),
      },
      codes,
    ),
    start: async () => {
      await life.own('bulk purchases', startPump({ take: buyItems(bulk), logger, tickMs, concurrency: config.bulkConcurrency, leaseMs }));
      const work = { work: workBatches(bulk), logger, tickMs, limit: batchesAtOnce, leaseMs };
      await life.own('bulk orders', startScheduler({ ...work, houseKeep: async () => {}, houseKeepMs: Number.POSITIVE_INFINITY }));
    },
  };
};
