/** Starts a process of a test, keeps its output, and can wait for a line or the exit. Ended with the test in any case. */
import { type ChildProcess, spawn } from 'node:child_process';
import { childEnvironment } from '#platform/testing/index.ts';

export interface Child {
  readonly process: ChildProcess;
  readonly output: () => string;
  /** @returns the first match in what the process has written */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** @returns exit code, or the signal that ended it */
  exit(timeoutMs?: number): Promise<number | NodeJS.Signals>;
  kill(signal?: NodeJS.Signals): void;
}

const within = <T>(work: Promise<T>, timeoutMs: number, what: () => string): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(what())), timeoutMs);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
};

export const startChild = (entry: URL, environment: Record<string, string>, nodeOptions: readonly string[] = []): Child => {
  const env = childEnvironment({ ENVIRONMENT: 'test', ...environment });
  const child = spawn(process.execPath, [...nodeOptions, entry.pathname], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const listeners = new Set<() => void>();
  const add = (chunk: Buffer): void => {
    text += chunk.toString();
    listeners.forEach((listener) => listener());
  };
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  const exited = new Promise<number | NodeJS.Signals>((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? 1)));
  const waitFor = (pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> => {
    const found = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const match = pattern.exec(text);
      if (match !== null) found.resolve(match);
    };
    listeners.add(look);
    look();
    void exited.then(() => found.reject(new Error(`the process ended without ${pattern.source}:\n${text}`)));
    return within(found.promise, timeoutMs, () => `no ${pattern.source} in:\n${text}`).finally(() => listeners.delete(look));
  };
  return {
    process: child,
    output: () => text,
    waitFor,
    exit: (timeoutMs = 20_000) => within(exited, timeoutMs, () => `still running:\n${text}`),
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  };
};
