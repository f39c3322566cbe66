import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';
import { appError } from '#platform/errors/index.ts';
import { silentLog, type Log } from '#platform/logging/index.ts';
import type { ReceivedEvent } from './event.ts';
import { follow } from './follow.ts';
import { within } from './within.ts';

export interface BusOptions {
  /** nats://[user:password@]host:port, several separated by commas. */
  readonly url: string;
  /** Shown by the server's monitoring. */
  readonly name: string;
  readonly logger?: Log;
}

export interface Bus {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  manager(): Promise<JetStreamManager>;
  connected(): boolean;
  /** @returns a function that ends the subscription */
  onReconnect(listener: () => void): () => void;
  /** Resolves when the server answers. @throws AppError platform.unavailable */
  ping(): Promise<void>;
  /**
   * Every event under `subject` from now on, to every process that follows (an ephemeral ordered consumer that survives
   * reconnections). For caches and live views: no inbox, no retry; what `handle` throws is logged.
   * @returns a function that ends it
   */
  follow(subject: string, handle: (event: ReceivedEvent) => void | Promise<void>): Promise<() => Promise<void>>;
  /** Drains subscriptions and closes. */
  close(): Promise<void>;
}

const pingTimeoutMs = 1_000;
const drainTimeoutMs = 5_000;

const connectionOptions = (url: string, name: string): ConnectionOptions => {
  const servers = url.split(',').map((part) => new URL(part.trim()));
  const [first] = servers;
  if (first === undefined) throw new Error('no NATS server');
  return {
    servers: servers.map((server) => server.host),
    name,
    ...(first.username === '' ? {} : { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }),
    ...(first.protocol === 'tls:' ? { tls: {} } : {}),
    // For ever: the outbox keeps what cannot be sent, so there is nothing better to do than to wait.
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 200,
    waitOnFirstConnect: true,
    ignoreAuthErrorAbort: true,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
  };
};

/** Connects, waiting for a server that is not up yet, and stays connected: reconnects for ever. */
export const openBus = async ({ url, name, logger = silentLog }: BusOptions): Promise<Bus> => {
  const connection = await connect(connectionOptions(url, name));
  let connected = true;
  const reconnected = new Set<() => void>();
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') connected = false;
      if (type === 'reconnect') {
        connected = true;
        for (const listener of reconnected) listener();
      }
      if (type === 'disconnect' || type === 'reconnect') logger.warn({ name }, `nats ${type}`);
    }
  })();
  void connection.closed().then((error) => {
    connected = false;
    if (error !== undefined) logger.error({ err: error }, 'nats connection closed');
  });
  const js = jetstream(connection, { timeout: 5_000 });
  let manager: Promise<JetStreamManager> | undefined;
  const bus: Bus = {
    connection,
    jetstream: js,
    manager: () => (manager ??= jetstreamManager(connection, { checkAPI: false, timeout: 5_000 })),
    connected: () => connected,
    onReconnect: (listener) => {
      reconnected.add(listener);
      return () => void reconnected.delete(listener);
    },
    ping: async () => {
      const answer = connected ? await within(connection.flush(), pingTimeoutMs).catch(() => 'late') : 'late';
      if (answer === 'late') throw appError('platform.unavailable');
    },
    follow: (subject, handle) => follow(bus, subject, handle, logger),
    close: async () => {
      if (connection.isClosed()) return;
      // A drain waits for the server; without one there is nothing to wait for.
      if (connected)
        await within(
          connection.drain().catch(() => {}),
          drainTimeoutMs,
        );
      await connection.close();
    },
  };
  return bus;
};
