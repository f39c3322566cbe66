import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Child {
  readonly pid: number;
  /** Settles when the process has ended, however that came about. */
  readonly exited: Promise<void>;
  running(): boolean;
  /** Sends `signal`, then SIGKILL when the process is still there after `timeoutMs`. */
  stop(signal: NodeJS.Signals, timeoutMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface ChildOptions {
  readonly logFile: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
}

/** Where setpriv (util-linux) is present, a child can ask the kernel for a signal at its parent's death, even by kill -9. */
export const setprivPath = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => process.platform === 'linux' && existsSync(path));

/** Starts a background process with its output in a file. A process that cannot be started rejects. */
export const startChild = async (command: string, args: readonly string[], options: ChildOptions): Promise<Child> => {
  const log = openSync(options.logFile, 'a');
  // A process group of its own: Ctrl-C in a terminal must not stop the servers before those who use them.
  const spawnOptions: SpawnOptions = {
    stdio: ['ignore', log, log],
    cwd: options.cwd ?? '/',
    env: options.env ?? process.env,
    detached: true,
  };
  if (options.uid !== undefined) spawnOptions.uid = options.uid;
  if (options.gid !== undefined) spawnOptions.gid = options.gid;
  const child = spawn(command, args, spawnOptions);
  closeSync(log);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return childHandle(child, exited);
};

const childHandle = (child: ChildProcess, exited: Promise<void>): Child => {
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid!,
    exited,
    running,
    kill: (signal) => void child.kill(signal),
    stop: async (signal, timeoutMs = 10_000) => {
      if (!running()) return;
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      await exited;
      clearTimeout(timer);
    },
  };
};

/**
 * Below the range from which systems take ports for outgoing connections (32768 up on Linux, 49152 up elsewhere): a port
 * found free there is not taken by somebody's next connection before its process listens.
 */
const quiet = { from: 20_000, below: 32_000 } as const;

/**
 * Of that range, the part of this process. Test files that run at once (Node numbers the workers from 1) draw from parts of
 * their own: a port that one has found free, and will listen on in a second, is never found free by the other too.
 */
const ownRange = (): { readonly from: number; readonly width: number } => {
  const parts = 4;
  const width = Math.floor((quiet.below - quiet.from) / parts);
  const worker = Number(process.env['NODE_TEST_WORKER_ID'] ?? 0);
  return { from: quiet.from + (worker % parts) * width, width };
};

const listenOn = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });

/** A server that holds a free port of 127.0.0.1 until it is closed. */
export const listenSomewhere = async (): Promise<Server> => {
  const { from, width } = ownRange();
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      return await listenOn(from + Math.floor(Math.random() * width));
    } catch {
      // Taken: another one.
    }
  }
  return listenOn(0);
};

/** A port that was free a moment ago on 127.0.0.1. */
export const freePort = async (): Promise<number> => {
  const server = await listenSomewhere();
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

/** Last lines of a log, for the message of a failed start. */
export const logTail = (file: string, lines = 15): string =>
  existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

const commandLineOf = (pid: number): string =>
  spawnSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';

/**
 * Ends what an earlier run left behind, if `pidFile` names a living process whose command line contains `marker` (its
 * data directory): a recycled process id is never touched.
 */
export const stopStale = async (pidFile: string, marker: string, signal: NodeJS.Signals): Promise<void> => {
  if (!existsSync(pidFile)) return;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid) || !commandLineOf(pid).includes(marker)) return;
  process.kill(pid, signal);
  for (const deadline = Date.now() + 10_000; isAlive(pid);) {
    if (Date.now() > deadline) {
      process.kill(pid, 'SIGKILL');
      return;
    }
    await sleep(50);
  }
};
