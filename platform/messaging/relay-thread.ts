import { Worker } from 'node:worker_threads';
import { silentLog, type Log } from '#platform/logging/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import { relayMetrics, type BatchFigures, type DepthFigures } from './relay-metrics.ts';
import type { Relay } from './relay.ts';

/** What the thread needs to open connections of its own. */
export interface RelayThreadData {
  readonly databaseUrl: string;
  readonly natsUrl: string;
  /** Of the service, as servers show it. */
  readonly name: string;
  readonly statementTimeoutMs?: number;
  /** Whether anybody counts what it tells. */
  readonly counted: boolean;
}

export type ToRelayThread = 'wake' | 'close';

export type FromRelayThread =
  | { readonly kind: 'leader'; readonly value: 0 | 1 }
  | { readonly kind: 'depth'; readonly figures: DepthFigures }
  | { readonly kind: 'batch'; readonly figures: BatchFigures }
  | { readonly kind: 'log'; readonly level: keyof Log; readonly fields: object; readonly message: string | undefined };

export interface RelayThreadOptions extends Omit<RelayThreadData, 'counted'> {
  /** The service's own: its signals wake the relay. */
  readonly db: Pick<Database, 'onOutboxSignal'>;
  readonly logger?: Log;
  readonly metrics?: Metrics;
  /** Another thread in place of the relay's, for tests. */
  readonly entry?: URL;
}

const restartMs = 1_000;
/** A thread that waits for a server when it is told to end is ended. */
const closeTimeoutMs = 10_000;

/**
 * The relay (relay.ts) in a thread of its own, for a service whose calls wait for its main thread: publishing an event takes as much of a thread as
 * a ledger command does. It has its own connections; signals go in, figures and log lines come out. docs/adr/0083.
 * A thread that ends by itself is reported and started again: nothing is lost by it, the rows are in the outbox.
 */
export const startRelayThread = ({ db, logger = silentLog, metrics, entry, ...data }: RelayThreadOptions): Relay => {
  const counts = relayMetrics(metrics);
  const url = entry ?? new URL('./relay-worker.ts', import.meta.url);
  let leading = false;
  let closing = false;
  let restart: NodeJS.Timeout | undefined;
  let thread: Worker;
  let ended: Promise<void>;

  const receive = (told: FromRelayThread): void => {
    if (told.kind === 'log') logger[told.level](told.fields, told.message);
    else if (told.kind === 'depth') counts.depth(told.figures);
    else if (told.kind === 'batch') counts.batch(told.figures);
    else {
      leading = told.value === 1;
      counts.leader(told.value);
    }
  };
  const start = (): void => {
    const workerData: RelayThreadData = { ...data, counted: counts.enabled };
    // What is preloaded into the process is the thread's own affair.
    thread = new Worker(url, { name: 'relay', execArgv: [], workerData });
    thread.on('message', receive);
    thread.on('error', (error) => logger.error({ err: error }, 'the thread of the relay failed'));
    ended = new Promise((resolve) => {
      thread.once('exit', () => {
        receive({ kind: 'leader', value: 0 });
        resolve();
        if (closing) return;
        logger.error({}, 'the thread of the relay ended; it is started again');
        restart = setTimeout(start, restartMs);
      });
    });
  };
  const send = (message: ToRelayThread): void => thread.postMessage(message);

  start();
  const unsubscribe = db.onOutboxSignal(() => send('wake'));
  return {
    leading: () => leading,
    close: async () => {
      closing = true;
      clearTimeout(restart);
      unsubscribe();
      send('close');
      const late = setTimeout(() => void thread.terminate(), closeTimeoutMs);
      await ended;
      clearTimeout(late);
    },
  };
};
