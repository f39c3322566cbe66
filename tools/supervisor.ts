/**
 * A supervised part of the platform: started, watched, restarted with back-off when it dies by itself, stopped on demand.
 * How one start goes is the affair of a launcher: a Node process of ours (launchProcess) or a server (servers.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** One life of a part. */
export interface Running {
  readonly pid: number;
  /** Settles when it has ended, with a text that says how ("exited with code 1", "was ended by SIGKILL"). */
  readonly ended: Promise<string>;
  /** Settles when it serves. */
  readonly ready: Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Asks it to end and insists after a while. */
  stop(): Promise<void>;
}

export type SupervisorEvent =
  | { readonly kind: 'died'; readonly how: string; readonly restartInMs: number }
  | { readonly kind: 'restarted'; readonly pid: number }
  | { readonly kind: 'gave-up'; readonly how: string; readonly crashes: number };

export interface SupervisorOptions {
  readonly name: string;
  readonly launch: () => Promise<Running>;
  /** Restart it when it dies unasked. Off where a test wants to see it dead. */
  readonly autoRestart: boolean;
  readonly readyTimeoutMs?: number;
  /** For the message of a failed start. */
  readonly lastLines?: () => readonly string[];
  readonly onEvent?: (event: SupervisorEvent) => void;
  readonly backoff?: Partial<Backoff>;
}

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** A life of this length counts as healthy: the next death starts the back-off anew. */
  readonly stableMs: number;
  /** This many short lives in a row, and it is left dead. */
  readonly mostCrashes: number;
}

export interface Part {
  readonly name: string;
  /** Starts it and waits until it is ready. A part that does not get there is ended, and a StartError is thrown. */
  start(): Promise<void>;
  /** Asks it to end, waits, insists after the grace period. No restart follows. */
  stop(): Promise<void>;
  /** Sends a signal; one that ends processes is waited for. Automatic restarts stay in force. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Waits until it runs and is ready, for example after a kill. */
  waitReady(timeoutMs?: number): Promise<void>;
  pid(): number | undefined;
  /** How often it was restarted without being asked to. */
  restarts(): number;
}

export class StartError extends Error {
  readonly part: string;
  readonly lines: readonly string[];
  constructor(part: string, reason: string, lines: readonly string[] = [], options: ErrorOptions = {}) {
    super(`${part} ${reason}`, options);
    this.name = 'StartError';
    this.part = part;
    this.lines = lines;
  }
}

const usualBackoff: Backoff = { firstMs: 250, longestMs: 8_000, stableMs: 30_000, mostCrashes: 8 };
const ending: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT'];

export const supervise = (options: SupervisorOptions): Part => {
  const { name, readyTimeoutMs = 60_000 } = options;
  const backoff = { ...usualBackoff, ...options.backoff };
  const emit = options.onEvent ?? (() => {});
  const startError = (reason: string, cause?: unknown): StartError =>
    new StartError(name, reason, options.lastLines?.() ?? [], cause === undefined ? {} : { cause });

  let current: Running | undefined;
  let launching: Promise<Running> | undefined;
  let currentReady: Promise<void> | undefined;
  /** Restart it at its death? False before it was ready once, and from the moment it is asked to stop. */
  let wanted = false;
  /** Counts the requests to stop: a start that was overtaken by one does not want its part alive. */
  let stops = 0;
  let crashes = 0;
  let restarts = 0;

  const isCurrent = (life: Running): boolean => current === life;

  const untilReady = async (life: Running): Promise<void> => {
    const limit = new AbortController();
    try {
      await Promise.race([
        life.ready,
        life.ended.then((how) => {
          throw startError(how);
        }),
        sleep(readyTimeoutMs, undefined, { signal: limit.signal }).then(() => {
          throw startError(`was not ready after ${readyTimeoutMs / 1_000} s`);
        }),
      ]);
    } finally {
      limit.abort();
    }
  };

  const launch = async (): Promise<{ readonly life: Running; readonly ready: Promise<void> }> => {
    const startedAt = performance.now();
    launching = options.launch();
    const life = await launching.finally(() => (launching = undefined));
    current = life;
    const ready = untilReady(life);
    ready.catch(() => {});
    currentReady = ready;
    void life.ended.then((how) => {
      if (current !== life) return;
      current = currentReady = undefined;
      if (wanted) void revive(how, performance.now() - startedAt);
    });
    return { life, ready };
  };

  /** Starts it again, later and later, until it stands, is not wanted any more, or has failed too often. */
  const revive = async (how: string, livedMs: number): Promise<void> => {
    crashes = livedMs > backoff.stableMs ? 1 : crashes + 1;
    if (!options.autoRestart) return;
    if (crashes > backoff.mostCrashes) {
      wanted = false;
      emit({ kind: 'gave-up', how, crashes });
      return;
    }
    const restartInMs = Math.min(backoff.firstMs * 2 ** (crashes - 1), backoff.longestMs);
    emit({ kind: 'died', how, restartInMs });
    await sleep(restartInMs);
    if (!wanted || current !== undefined || launching !== undefined) return;
    restarts += 1;
    let launched: Awaited<ReturnType<typeof launch>>;
    try {
      launched = await launch();
    } catch (error) {
      return revive(error instanceof Error ? error.message : String(error), 0);
    }
    try {
      await launched.ready;
      emit({ kind: 'restarted', pid: launched.life.pid });
    } catch {
      // Dead again: its own death calls revive. Alive but never ready: its death is brought about.
      if (isCurrent(launched.life)) launched.life.signal('SIGKILL');
    }
  };

  const start = async (): Promise<void> => {
    if (current !== undefined) return currentReady;
    wanted = false;
    crashes = 0;
    const stopsBefore = stops;
    let launched: Awaited<ReturnType<typeof launch>>;
    try {
      launched = await launch();
    } catch (cause) {
      throw cause instanceof StartError
        ? cause
        : startError(`cannot be started: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
    const { life, ready } = launched;
    try {
      await ready;
    } catch (error) {
      if (isCurrent(life)) life.signal('SIGKILL');
      await life.ended;
      throw error;
    }
    wanted = stops === stopsBefore;
  };

  return {
    name,
    start,
    stop: async () => {
      stops += 1;
      wanted = false;
      // One that is being born cannot be stopped yet, and must not be forgotten either.
      const life = current ?? (await launching?.catch(() => undefined));
      await life?.stop();
    },
    kill: async (signal = 'SIGKILL') => {
      const life = current;
      if (life === undefined) throw new Error(`${name} does not run`);
      life.signal(signal);
      if (ending.includes(signal)) await life.ended;
    },
    waitReady: async (timeoutMs = readyTimeoutMs) => {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        try {
          if (current !== undefined) return await currentReady;
        } catch (error) {
          if (performance.now() > deadline) throw error;
        }
        if (performance.now() > deadline) throw startError(`did not come back within ${timeoutMs / 1_000} s`);
        await sleep(20);
      }
    },
    pid: () => current?.pid,
    restarts: () => restarts,
  };
};
