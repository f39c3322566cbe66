/** The relay's thread: see relay-thread.ts, which starts it. */
import '#platform/telemetry/register.ts';
import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import type { Log } from '#platform/logging/index.ts';
import { openConnection } from '#platform/postgres/dedicated.ts';
import { shutdownTelemetry } from '#platform/telemetry/provider.ts';
import { openBus } from './bus.ts';
import type { FromRelayThread, RelayThreadData, ToRelayThread } from './relay-thread.ts';
import { startRelay, type RelayDatabase } from './relay.ts';

const { databaseUrl, natsUrl, name, statementTimeoutMs, counted } = workerData as RelayThreadData;
const tell = (message: FromRelayThread): void => parentPort?.postMessage(message);

const log =
  (level: keyof Log) =>
  (fields: object, message?: string): void => {
    try {
      tell({ kind: 'log', level, fields, message });
    } catch {
      // What cannot be sent as it is must not end the relay.
      tell({ kind: 'log', level, fields: { detail: inspect(fields) }, message });
    }
  };
const logger: Log = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };

let wake = (): void => {};
const session = { url: databaseUrl, applicationName: `${name}-relay`, ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }) };
const db: RelayDatabase = {
  connectDedicated: () => openConnection(session),
  // Only for the sweep, every ten minutes: a connection each time.
  query: async (sql, params) => {
    const connection = await openConnection(session);
    try {
      return await connection.query(sql, params);
    } finally {
      await connection.close();
    }
  },
  onOutboxSignal: (listener) => {
    wake = listener;
    return () => (wake = () => {});
  },
};

const orders = new Promise<void>((resolve) => {
  parentPort?.on('message', (order: ToRelayThread) => {
    if (order === 'close') resolve();
    else wake();
  });
});
const bus = await openBus({ url: natsUrl, name: `${name}-relay`, logger });
const relay = await startRelay({
  db,
  bus,
  logger,
  figures: {
    enabled: counted,
    leader: (value) => tell({ kind: 'leader', value }),
    depth: (figures) => tell({ kind: 'depth', figures }),
    batch: (figures) => tell({ kind: 'batch', figures }),
  },
});
await orders;
await relay.close();
await bus.close();
await shutdownTelemetry();
parentPort?.close();
