/**
 * One supervised process: started, watched, restarted when it dies by itself, stopped on demand. Its output goes to a log
 * file line by line; whoever starts it may look at the lines too.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PidFiles, PidRecord } from './pids.ts';

export interface ExitReport {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type SupervisorEvent =
  | { readonly kind: 'line'; readonly line: string; readonly stream: 'stdout' | 'stderr' }
  | { readonly kind: 'died'; readonly exit: ExitReport; readonly restartInMs: number }
  | { readonly kind: 'restarted'; readonly pid: number }
  | { readonly kind: 'gave-up'; readonly exit: ExitReport; readonly crashes: number };

export interface SupervisorOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly pids: PidFiles;
  /** Restart it when it dies unasked. Off in tests that want to see it dead. */
  readonly autoRestart: boolean;
  /** Resolves when the process serves; rejects, or never resolves, when it does not. Called after every start. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly readyTimeoutMs?: number;
  /** What asks it politely to end; PostgreSQL understands SIGINT as "fast". */
  readonly stopSignal?: NodeJS.Signals;
  readonly stopGraceMs?: number;
  readonly onEvent?: (event: SupervisorEvent) => void;
}

export interface Supervised {
  readonly name: string;
  /** Starts it and waits until it is ready. Throws a StartError with its last lines when that does not happen. */
  start(): Promise<void>;
  /** Asks it to end, waits, insists after the grace period. No restart follows. */
  stop(): Promise<void>;
  /** Sends a signal; for SIGKILL, SIGTERM, SIGINT, SIGABRT waits until it has ended. Auto-restart stays in force. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Waits until it runs and is ready (after a kill under auto-restart). */
  waitReady(timeoutMs?: number): Promise<void>;
  pid(): number | undefined;
  /** The latest lines, oldest first. */
  lines(): readonly string[];
  restarts(): number;
}

export class StartError extends Error {
  readonly part: string;
  readonly lines: readonly string[];
  constructor(part: string, reason: string, lines: readonly string[]) {
    super(`${part} ${reason}`);
    this.name = 'StartError';
    this.part = part;
    this.lines = lines;
  }
}

const rememberedLines = 2_000;
const largestLogBytes = 20 << 20;
const firstDelayMs = 250;
const longestDelayMs = 8_000;
/** A process that has run this long is taken for healthy: its next death starts the back-off anew. */
const stableMs = 30_000;
const mostCrashes = 8;

const describeExit = ({ code, signal }: ExitReport): string => (signal === null ? `exited with code ${code}` : `was ended by ${signal}`);

const openLog = (path: string): WriteStream => {
  try {
    if (statSync(path).size > largestLogBytes) renameSync(path, `${path}.1`);
  } catch {
    // There is none yet.
  }
  return createWriteStream(path, { flags: 'a' });
};

export const supervise = (options: SupervisorOptions): Supervised => {
  const { name, pids } = options;
  const emit = options.onEvent ?? (() => {});
  const remembered: string[] = [];
  const log = openLog(options.logFile);
  let child: ChildProcess | undefined;
  let record: PidRecord | undefined;
  let ended: Promise<ExitReport> = Promise.resolve({ code: null, signal: null });
  let wanted = false;
  let startedAt = 0;
  let crashes = 0;
  let restarts = 0;
  let ready: Promise<void> = Promise.reject(new StartError(name, 'was never started', []));
  ready.catch(() => {});

  const remember = (line: string): void => {
    remembered.push(line);
    if (remembered.length > rememberedLines) remembered.splice(0, rememberedLines / 4);
    log.write(`${line}\n`);
  };

  const launch = (): ChildProcess => {
    startedAt = performance.now();
    // A group of its own: Ctrl-C in the terminal reaches the runner only, which then stops everything in order.
    const started = spawn(options.command, [...options.args], {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child = started;
    record = started.pid === undefined ? undefined : pids.write(name, started.pid);
    for (const stream of ['stdout', 'stderr'] as const) {
      createInterface({ input: started[stream] }).on('line', (line) => {
        remember(line);
        emit({ kind: 'line', line, stream });
      });
    }
    ended = new Promise((resolve) => {
      started.once('error', (error) => {
        remember(`cannot start: ${error.message}`);
        resolve({ code: null, signal: null });
      });
      // "close", not "exit": its last words have been read by then.
      started.once('close', (code, signal) => resolve({ code, signal }));
    });
    void ended.then((exit) => {
      if (child !== started) return;
      child = undefined;
      record = undefined;
      pids.remove(name);
      if (wanted) void onDeath(exit);
    });
    ready = becomeReady(started);
    ready.catch(() => {});
    return started;
  };

  const becomeReady = async (started: ChildProcess): Promise<void> => {
    const abort = new AbortController();
    const timeoutMs = options.readyTimeoutMs ?? 60_000;
    const timer = setTimeout(
      () => abort.abort(new StartError(name, `was not ready after ${timeoutMs / 1_000} s`, remembered.slice(-25))),
      timeoutMs,
    );
    const died = ended.then((exit) => {
      throw new StartError(name, describeExit(exit), remembered.slice(-25));
    });
    const tooLate = new Promise<never>((_resolve, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error), { once: true });
    });
    tooLate.catch(() => {});
    try {
      await Promise.race([options.ready(abort.signal), died, tooLate]);
      if (child !== started) await died;
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  };

  const onDeath = async (exit: ExitReport): Promise<void> => {
    crashes = performance.now() - startedAt > stableMs ? 1 : crashes + 1;
    if (!options.autoRestart) return;
    if (crashes > mostCrashes) {
      wanted = false;
      emit({ kind: 'gave-up', exit, crashes });
      return;
    }
    const restartInMs = Math.min(firstDelayMs * 2 ** (crashes - 1), longestDelayMs);
    emit({ kind: 'died', exit, restartInMs });
    await sleep(restartInMs);
    if (!wanted || child !== undefined) return;
    restarts += 1;
    const started = launch();
    try {
      await ready;
      emit({ kind: 'restarted', pid: started.pid ?? 0 });
    } catch {
      // It died again (the next onDeath reports it) or hangs: then it is killed here and the same path follows.
      started.kill('SIGKILL');
    }
  };

  return {
    name,
    start: async () => {
      if (child !== undefined) return ready;
      // During the first start a death is a failure to report, not one to repeat.
      wanted = false;
      crashes = 0;
      const started = launch();
      try {
        await ready;
      } catch (error) {
        started.kill('SIGKILL');
        await ended;
        throw error;
      }
      wanted = true;
    },
    stop: async () => {
      wanted = false;
      const [current, exit] = [child, ended];
      if (current === undefined) return;
      current.kill(options.stopSignal ?? 'SIGTERM');
      // One that was paused could not hear it.
      current.kill('SIGCONT');
      const timer = setTimeout(() => current.kill('SIGKILL'), options.stopGraceMs ?? 25_000);
      await exit;
      clearTimeout(timer);
    },
    kill: async (signal) => {
      const exit = ended;
      if (child === undefined || !child.kill(signal)) throw new Error(`${name} does not run`);
      if (['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGABRT'].includes(signal)) await exit;
    },
    waitReady: async (timeoutMs = 60_000) => {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        if (child !== undefined) {
          try {
            return await ready;
          } catch (error) {
            if (performance.now() > deadline) throw error;
          }
        }
        if (performance.now() > deadline)
          throw new StartError(name, `did not come back within ${timeoutMs / 1_000} s`, remembered.slice(-25));
        await sleep(20);
      }
    },
    pid: () => record?.pid,
    lines: () => [...remembered],
    restarts: () => restarts,
  };
};
