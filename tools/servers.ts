/** PostgreSQL and NATS as supervised parts, and what has to be in them before the first process starts. */
import { ensureStreams, openBus } from '#platform/messaging/index.ts';
import { migrate, type NamedMigration } from '#platform/postgres/index.ts';
import type { ProcessRow } from '#topology';
import { ensureDatabase, startNats, startPostgres } from './infra/index.ts';
import type { PidFiles } from './pids.ts';
import type { Running } from './supervisor.ts';

interface Server {
  readonly pid: number;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** Both servers answer when their start resolves, so they are ready from birth. */
const asRunning = (server: Server, name: string, marker: string, pids: PidFiles): Running => {
  pids.write(name, server.pid, marker);
  return {
    pid: server.pid,
    ended: server.exited.then(() => {
      pids.remove(name);
      return 'ended';
    }),
    ready: Promise.resolve(),
    signal: (signal) => void process.kill(server.pid, signal),
    stop: async () => {
      process.kill(server.pid, 'SIGCONT');
      await server.stop();
    },
  };
};

export interface PostgresLaunch {
  readonly dataDir: string;
  readonly port: number;
  readonly durable: boolean;
  readonly password: string;
  readonly pids: PidFiles;
}

export const launchPostgres = async ({ pids, ...options }: PostgresLaunch): Promise<Running> =>
  asRunning(await startPostgres(options), 'postgres', options.dataDir, pids);

export const launchNats = async ({ dir, port, pids }: { dir: string; port: number; pids: PidFiles }): Promise<Running> =>
  asRunning(await startNats({ dir, port }), 'nats', dir, pids);

/**
 * Makes the database and login role of every process that owns one.
 * @param prefix put before database and role names, so that several platforms can share one server
 * @returns connection strings by database name
 */
export const createDatabases = async (
  adminUrl: string,
  rows: readonly ProcessRow[],
  passwords: Readonly<Record<string, string>>,
  prefix = '',
): Promise<ReadonlyMap<string, string>> => {
  const urls = new Map<string, string>();
  // One after the other: two "create database" at once would fight over template1.
  for (const { database } of rows) {
    if (database === undefined || urls.has(database)) continue;
    const password = passwords[database];
    if (password === undefined) throw new Error(`no password for the role of database ${database}`);
    urls.set(database, await ensureDatabase(adminUrl, { name: `${prefix}${database}`, password }));
  }
  return urls;
};

/** Brings every database to the newest schema, all at the same time. */
export const migrateAll = async (rows: readonly ProcessRow[], urls: ReadonlyMap<string, string>): Promise<void> => {
  await Promise.all(
    rows.map(async ({ name, database }) => {
      const url = database === undefined ? undefined : urls.get(database);
      if (url === undefined) return;
      const module = (await import(`../services/${name}/adapters/postgres/migrations/index.ts`)) as {
        migrations: readonly NamedMigration[];
      };
      try {
        await migrate({ url, migrations: module.migrations });
      } catch (cause) {
        throw new Error(`the database of ${name} cannot be migrated: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
    }),
  );
};

/** Creates the streams of events.ts, or brings them up to date. */
export const createStreams = async (natsUrl: string): Promise<void> => {
  const { createLogger } = await import('#platform/logging/index.ts');
  const bus = await openBus({ url: natsUrl, name: 'runner', logger: createLogger({ service: 'runner', level: 'warn' }) });
  try {
    await ensureStreams(bus);
  } finally {
    await bus.close();
  }
};
