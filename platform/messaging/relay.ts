import { silentLog, type Log } from '#platform/logging/index.ts';
import type { Database, DedicatedConnection } from '#platform/postgres/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { Bus } from './bus.ts';
import { publishBatch } from './publish-batch.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import { batchFigures, relayMetrics, type RelayMetrics } from './relay-metrics.ts';
import { nextBatch, outboxDepth, recordFailures } from './relay-sql.ts';
import { sweep } from './sweep.ts';
import { createWaker, type Waker } from './waker.ts';

/** What a relay needs of a database. */
export type RelayDatabase = Pick<Database, 'query' | 'connectDedicated' | 'onOutboxSignal'>;

export interface RelayOptions {
  readonly db: RelayDatabase;
  readonly bus: Bus;
  readonly logger?: Log;
  readonly metrics?: Metrics;
  /** In place of `metrics`: a relay in a thread of its own tells its figures to the thread that has the registry. */
  readonly figures?: RelayMetrics;
  readonly batchSize?: number;
  /** Refused this often, a row is parked: it blocks nobody any more and waits for an operator. */
  readonly maxAttempts?: number;
  /** How often a standby asks for the lock. */
  readonly standbyMs?: number;
  /** How often what is too old is deleted (sweep.ts). */
  readonly sweepEveryMs?: number;
}

export interface Relay {
  /** Whether this process holds the lock of its database. */
  leading(): boolean;
  close(): Promise<void>;
}

/** Session advisory lock; one number per purpose, locks are per database. */
const relayLock = 7_220_100_003n;
const pollMinMs = 20;
const pollMaxMs = 1_000;
/** A short gather time: under load a batch carries more than one row, at the price of these milliseconds. */
const lingerMs = 5;
/** How long JetStream may take for its answer. */
const publishTimeoutMs = 5_000;
const outagePauseMs = { min: 50, max: 2_000 } as const;
const gaugeEveryMs = 15_000;

interface Context {
  readonly db: RelayDatabase;
  readonly bus: Bus;
  readonly publisher: Publisher;
  readonly logger: Log;
  readonly metrics: RelayMetrics;
  readonly batchSize: number;
  readonly maxAttempts: number;
  readonly sweepEveryMs: number;
  readonly waker: Waker;
  readonly stopped: () => boolean;
}

/**
 * Moves outbox rows to JetStream: oldest first, in order per aggregate, at least once (`Nats-Msg-Id` and the consumers'
 * inbox make it once). One relay per database works, under an advisory lock; its statements run on the very connection
 * that holds the lock, so a relay that lost it cannot mark or read rows any more.
 */
export const startRelay = async (options: RelayOptions): Promise<Relay> => {
  const { db, bus, logger = silentLog, batchSize = 200, maxAttempts = 5, standbyMs = 500, sweepEveryMs = 10 * 60_000 } = options;
  const waker = createWaker();
  let stopping = false;
  let leading = false;
  const metrics = options.figures ?? relayMetrics(options.metrics);
  const publisher = createPublisher(bus.connection, { timeoutMs: publishTimeoutMs });
  const context: Context = { db, bus, publisher, logger, metrics, batchSize, maxAttempts, sweepEveryMs, waker, stopped: () => stopping };
  const unsubscribe = db.onOutboxSignal(waker.wake);

  const serve = async (): Promise<void> => {
    const connection = await db.connectDedicated();
    void connection.lost.then(waker.wake);
    try {
      // What a marked row says is in JetStream already. A mark that a crash of the server takes back is an event published twice, which the
      // stream drops by its id, so nobody has to wait for the disk here.
      await connection.query('set synchronous_commit = off');
      // The plan that is kept may have been made for an empty outbox: what is pending is found by its index, however little there was then.
      await connection.query('set enable_seqscan = off');
      while (!stopping) {
        const [row] = await connection.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [relayLock]);
        if (row?.locked === true) {
          leading = true;
          metrics.leader(1);
          logger.info({}, 'relay leads');
          await lead(context, connection);
        }
        // Signals of this process do not matter to a standby: wait the time out, unless it is closing.
        for (const until = performance.now() + standbyMs; !stopping && performance.now() < until;)
          await waker.wait(until - performance.now());
      }
    } finally {
      leading = false;
      metrics.leader(0);
      await connection.close();
    }
  };

  const running = (async () => {
    while (!stopping) {
      try {
        await serve();
      } catch (error) {
        logger.warn({ err: error }, 'relay lost its database connection');
        for (const until = performance.now() + standbyMs; !stopping && performance.now() < until;)
          await waker.wait(until - performance.now());
      }
    }
  })();

  return {
    leading: () => leading,
    close: async () => {
      stopping = true;
      unsubscribe();
      waker.wake();
      await running;
      publisher.close();
    },
  };
};

/** Publishes until stopped; leaves by an error when the connection, and with it the lock, is gone. */
const lead = async (context: Context, connection: DedicatedConnection): Promise<void> => {
  const { bus, publisher, waker, metrics, logger, batchSize } = context;
  let marks: readonly string[] = [];
  let pollMs = pollMinMs;
  let outageMs: number = outagePauseMs.min;
  const everyGauge = every(gaugeEveryMs, async () => metrics.depth(await outboxDepth(connection)));
  // Beside the publishing, which does not wait for it: where a relay is never idle, there is most to sweep.
  let sweeping: Promise<void> | undefined;
  const everySweep = every(context.sweepEveryMs, async () => {
    sweeping ??= sweep(context.db, logger).finally(() => (sweeping = undefined));
  });
  while (!context.stopped() || marks.length > 0) {
    const rows = await nextBatch(connection, marks, context.stopped() ? 0 : batchSize);
    marks = [];
    if (metrics.enabled) await everyGauge();
    if (!context.stopped()) await everySweep();
    if (rows.length === 0) {
      if (context.stopped()) break;
      pollMs = (await waker.wait(pollMs)) ? pollMinMs : Math.min(pollMs * 2, pollMaxMs);
      continue;
    }
    pollMs = pollMinMs;
    const startedAt = performance.now();
    const result = bus.connected()
      ? await publishBatch(publisher, rows)
      : { published: [], refused: [], outage: new Error('nats is not connected') };
    marks = result.published.map((row) => row.id);
    if (metrics.enabled) metrics.batch(batchFigures(result, (performance.now() - startedAt) / 1_000));
    if (result.refused.length > 0) {
      const parked = await recordFailures(connection, result.refused, context.maxAttempts);
      if (parked.length > 0) logger.error({ ids: parked, reason: result.refused[0]?.error }, 'outbox rows parked');
    }
    if (result.outage !== undefined) {
      logger.warn({ err: result.outage, waiting: rows.length }, 'cannot publish');
      if (marks.length > 0) await nextBatch(connection, marks, 0);
      marks = [];
      await pause(context, outageMs);
      outageMs = Math.min(outageMs * 2, outagePauseMs.max);
    } else {
      outageMs = outagePauseMs.min;
      if (result.refused.length > 0) await pause(context, outagePauseMs.min);
      else if (rows.length < batchSize && !context.stopped()) await new Promise((resolve) => setTimeout(resolve, lingerMs));
    }
  }
  await sweeping;
};

/** Waits although rows are there; only the end of the process cuts it short. */
const pause = async ({ waker, stopped }: Context, ms: number): Promise<void> => {
  for (const until = performance.now() + ms; !stopped() && performance.now() < until;) await waker.wait(until - performance.now());
};

const every = (ms: number, work: () => Promise<void>): (() => Promise<void>) => {
  let next = performance.now();
  return async () => {
    if (performance.now() < next) return;
    next = performance.now() + ms;
    await work();
  };
};
