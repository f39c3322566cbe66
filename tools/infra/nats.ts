import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, logTail, setprivPath, startChild, stopStale, type Child } from './child.ts';

export interface NatsOptions {
  /** Store, configuration, log and process id file. */
  readonly dir: string;
  readonly port?: number;
  /** Further lines of the server's configuration, for example accounts. */
  readonly config?: string;
}

export interface RunningNats {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
}

const searchPath = ['/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

const findNatsServer = (): string | undefined =>
  [...(process.env['PATH'] ?? '').split(':'), ...searchPath]
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, 'nats-server'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

const run = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    .status === 0;

const has = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;

const install = (): void => {
  if (process.platform === 'darwin' && has('brew')) run('brew', 'install', 'nats-server');
  else if (process.getuid?.() === 0 && has('apt-get')) {
    const apt = (): boolean => run('apt-get', 'install', '-y', '-q', '--no-install-recommends', 'nats-server');
    if (!apt() && run('apt-get', 'update', '-q')) apt();
  }
};

const advice = (): string => {
  if (process.platform === 'darwin') return 'brew install nats-server';
  return has('apt-get')
    ? 'sudo apt-get install -y nats-server'
    : 'see https://docs.nats.io/running-a-nats-service/introduction/installation';
};

/** @returns path of a nats-server, installed now if need be and possible; throws with the command to type otherwise */
export const ensureNatsServer = (): string => {
  const found = findNatsServer();
  if (found !== undefined) return found;
  install();
  const installed = findNatsServer();
  if (installed === undefined) throw new Error(`nats-server is missing. Install it:  ${advice()}`);
  return installed;
};

const acceptsConnections = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => (socket.destroy(), done(true)));
    socket.once('error', () => done(false));
    socket.setTimeout(1_000, () => (socket.destroy(), done(false)));
  });

const waitUntilReady = async (port: number, child: Child, logFile: string): Promise<void> => {
  for (const deadline = Date.now() + 15_000; !(await acceptsConnections(port)); await sleep(30)) {
    if (child.running() && Date.now() < deadline) continue;
    await child.stop('SIGKILL');
    throw new Error(`nats-server did not start:\n${logTail(logFile)}`);
  }
};

/** Starts a private nats-server with JetStream on 127.0.0.1. One that an earlier run left in `dir` is stopped first. */
export const startNats = async ({ dir, port, config = '' }: NatsOptions): Promise<RunningNats> => {
  const directory = resolve(dir);
  const binary = ensureNatsServer();
  mkdirSync(directory, { recursive: true });
  const pidFile = join(directory, 'nats.pid');
  const configFile = join(directory, 'nats.conf');
  const logFile = join(directory, 'nats.log');
  await stopStale(pidFile, directory, 'SIGTERM');
  const chosen = port ?? (await freePort());
  writeFileSync(configFile, natsConfig({ port: chosen, host: '127.0.0.1', storeDir: join(directory, 'store'), extra: config }));
  const prefix = setprivPath === undefined ? [] : [setprivPath, '--pdeathsig', 'TERM'];
  const command = [...prefix, binary, '-c', configFile, '-P', pidFile];
  const child = await startChild(command[0]!, command.slice(1), { logFile });
  await waitUntilReady(chosen, child, logFile);
  return {
    url: `nats://127.0.0.1:${chosen}`,
    port: chosen,
    pid: child.pid,
    exited: child.exited,
    stop: () => child.stop('SIGTERM'),
    kill: () => child.stop('SIGKILL'),
  };
};

/** Stays within what server 2.9 reads (no sync_interval). The limit on storage only bounds what streams may reserve. */
export const natsConfig = ({ port, host, storeDir, extra }: { port: number; host: string; storeDir: string; extra: string }): string => `
listen: "${host}:${port}"
max_payload: 1MB
jetstream { store_dir: "${storeDir}", max_memory_store: 1GB, max_file_store: 100TB }
${extra}
`;

/** Accounts t0…, so that each test file has streams of its own on one server. User and password are the account's name. */
export const testAccounts = (count = 256): string => {
  const accounts = Array.from({ length: count }, (_, n) => `  t${n}: { jetstream: enabled, users: [{ user: t${n}, password: t${n} }] }`);
  return `accounts {\n${accounts.join('\n')}\n}\nno_auth_user: t0`;
};
