/** Launches one of our own processes: output line by line into a log file, a pid file while it lives, ready when its admin port says so. */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, renameSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeArguments } from '#topology';
import type { Environment } from './env.ts';
import type { PidFiles } from './pids.ts';
import { root } from './run.ts';
import type { Running } from './supervisor.ts';

export interface ProcessOptions {
  readonly name: string;
  /** Path of the entry point from the repository's root. */
  readonly entry: string;
  readonly env: Environment;
  /** Polled until it answers 200. */
  readonly readyUrl: string;
  readonly log: LineLog;
  readonly pids: PidFiles;
}

/** The latest lines of a process in memory, all of them in a file. */
export interface LineLog {
  add(line: string): void;
  lines(): readonly string[];
  last(count: number): readonly string[];
  close(): Promise<void>;
}

const rememberedLines = 5_000;
const largestLogBytes = 20 << 20;

export const openLineLog = (path: string, onLine: (line: string) => void = () => {}): LineLog => {
  if (existsSync(path) && statSync(path).size > largestLogBytes) renameSync(path, `${path}.1`);
  const file = createWriteStream(path, { flags: 'a' });
  file.on('error', (error) => process.stderr.write(`${path}: ${error.message}\n`));
  const remembered: string[] = [];
  return {
    add: (line) => {
      if (remembered.push(line) > rememberedLines) remembered.splice(0, rememberedLines / 10);
      file.write(`${line}\n`);
      onLine(line);
    },
    lines: () => [...remembered],
    last: (count) => remembered.slice(-count),
    close: () => new Promise((resolve) => file.end(() => resolve())),
  };
};

/** A drain may take SHUTDOWN_TIMEOUT_MS (20 s); this is a little more. */
const stopGraceMs = 25_000;
const pollMs = 50;

const answers = async (url: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(3_000)]) });
      await response.body?.cancel();
      if (response.status === 200) return;
    } catch {
      // It does not listen yet.
    }
    await sleep(pollMs);
  }
};

/** Where util-linux is present, the kernel ends the process when the runner dies, even by kill -9. */
const setpriv = process.platform === 'linux' ? ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path)) : undefined;

export const launchProcess = async ({ name, entry, env, readyUrl, log, pids }: ProcessOptions): Promise<Running> => {
  const node = [process.execPath, ...nodeArguments, entry];
  const [command = '', ...args] = setpriv === undefined ? node : [setpriv, '--pdeathsig', 'TERM', ...node];
  // A group of its own: Ctrl-C in the terminal reaches only the runner, which stops everything in order.
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', log.add);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const pid = child.pid ?? 0;
  pids.write(name, pid, entry);
  const over = new AbortController();
  const ended = new Promise<string>((resolve) => {
    // "close" comes after the last line was read.
    child.once('close', (code, signal) => {
      over.abort();
      pids.remove(name);
      resolve(signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    });
  });
  return {
    pid,
    ended,
    ready: answers(readyUrl, over.signal),
    signal: (signal) => void child.kill(signal),
    stop: async () => {
      child.kill('SIGTERM');
      // One that is paused cannot hear it.
      child.kill('SIGCONT');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
      await ended;
      clearTimeout(timer);
    },
  };
};
