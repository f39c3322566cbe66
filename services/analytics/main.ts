/** Composition root of analytics: every event once, in a store of its own, with the figures made of them. */
import type { ConsumerName } from '#events';
import { startGrpcServer } from '#platform/grpc/index.ts';
import { runMain, startService, type RunningService } from '#platform/lifecycle/index.ts';
import { openBus, startBatchConsumer } from '#platform/messaging/index.ts';
import { openDatabase } from '#platform/postgres/index.ts';
import { systemClock, type Clock } from '#platform/time/index.ts';
import { analyticsService } from './adapters/grpc/server.ts';
import { toIncoming } from './adapters/nats/facts.ts';
import { streamFreshness } from './adapters/nats/freshness.ts';
import { entities } from './adapters/postgres/rows.ts';
import { eventStore, figureReader, prepareMonths, spendReader } from './adapters/postgres/store.ts';
import { getSpend } from './app/get-spend.ts';
import { getSummary } from './app/get-summary.ts';
import { ingestEvents } from './app/ingest-events.ts';
import { analyticsConfig, type AnalyticsConfig } from './config.ts';

const durables = [
  'analytics-auth',
  'analytics-billing',
  'analytics-verification',
  'analytics-campaign',
] as const satisfies readonly ConsumerName[];

export const start = (config: AnalyticsConfig, { clock = systemClock }: { readonly clock?: Clock } = {}): Promise<RunningService> =>
  startService('analytics', config, async (life) => {
    const { logger, metrics } = life;
    const db = await life.own(
      'postgres',
      openDatabase({
        url: config.databaseUrl,
        applicationName: 'analytics',
        poolMax: config.databasePoolMax,
        statementTimeoutMs: config.statementTimeoutMs,
        entities,
        logger,
      }),
    );
    const bus = await life.own('nats', openBus({ url: config.natsUrl, name: 'analytics', logger }));

    const prepare = (): Promise<void> => prepareMonths(db, clock.now());
    await prepare();
    const timer = setInterval(
      () => void prepare().catch((error: unknown) => logger.error({ err: error }, 'the coming months could not be prepared')),
      config.partitionIntervalMs,
    );
    await life.own('partitions', { close: async () => clearInterval(timer) });

    const counted = metrics.counter('analytics_events_total');
    const lag = metrics.gauge('analytics_lag_seconds');
    for (const durable of durables) {
      await life.own(
        durable,
        startBatchConsumer({
          db,
          bus,
          durable,
          maxBatch: config.batchMaxEvents,
          maxWaitMs: config.batchMaxWaitMs,
          logger,
          metrics,
          absorb: async (statements, events) => {
            await ingestEvents({ store: eventStore(statements) })(events.map(toIncoming));
            counted.inc({ stream: durable }, events.length);
            const newest = Math.max(...events.map(({ occurredAt }) => occurredAt.getTime()));
            lag.set({ stream: durable }, (clock.now().getTime() - newest) / 1_000);
          },
        }),
      );
    }

    const freshness = streamFreshness({ bus, clock, durables });
    const { grpcHost: host, grpcPort: port, principalKey, grpcMaxInFlight: maxInFlight } = config;
    const services = [
      analyticsService({
        getSummary: getSummary({ figures: figureReader(db), freshness }),
        getSpend: getSpend({ spend: spendReader(db), freshness }),
      }),
    ];
    const grpc = await life.own('grpc', startGrpcServer({ host, port, principalKey, logger, metrics, maxInFlight, services }));

    life.readiness('postgres', () => db.ping());
    life.readiness('nats', () => bus.ping());
    life.address('grpc', grpc.port);
  });

if (import.meta.main) await runMain(() => start(analyticsConfig.parse(process.env)));
