/**
 * Pid files under `<dataDir>/run`: what this platform has running, so that another terminal can stop it and so that the next
 * start finds what a killed runner left behind. A pid alone proves nothing (it may belong to a stranger by now), so each file
 * also holds when that process was started and its command line; only an exact match is ever signalled.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface PidRecord {
  readonly pid: number;
  readonly identity: string;
}

/** @returns a text that no other process ever has, or undefined when there is no such process (or only its zombie). */
export const identityOf = (pid: number): string | undefined => {
  try {
    if (process.platform === 'linux') {
      // The name (field 2) may hold blanks and parentheses; the rest starts after the last ")": state is field 3, start time field 22.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
      return `${fields[19]} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`;
    }
    const text = execFileSync('ps', ['-o', 'lstart=,command=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    return text.trim() === '' ? undefined : text.trim();
  } catch {
    return undefined;
  }
};

export const isRunning = ({ pid, identity }: PidRecord): boolean => identityOf(pid) === identity;

/** @returns false when the process is gone (or is not ours any more). */
export const signal = (record: PidRecord, name: NodeJS.Signals): boolean => {
  if (!isRunning(record)) return false;
  try {
    process.kill(record.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
};

/** @returns whether it is gone. */
export const waitUntilGone = async (record: PidRecord, timeoutMs: number): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs;
  while (isRunning(record)) {
    if (performance.now() > deadline) return false;
    await sleep(25);
  }
  return true;
};

/** Asks it to end, then insists. */
export const endProcess = async (
  record: PidRecord,
  options: { readonly signal?: NodeJS.Signals; readonly graceMs?: number } = {},
): Promise<void> => {
  if (!signal(record, options.signal ?? 'SIGTERM')) return;
  if (await waitUntilGone(record, options.graceMs ?? 10_000)) return;
  signal(record, 'SIGKILL');
  await waitUntilGone(record, 5_000);
};

export interface PidFiles {
  /** Notes a process just started; @returns undefined when it has ended already. */
  write(name: string, pid: number): PidRecord | undefined;
  remove(name: string): void;
  read(name: string): PidRecord | undefined;
  /** Every noted process that still runs; files of dead ones are removed on the way. */
  running(): readonly (PidRecord & { readonly name: string })[];
  /** Like write, but only if no running process holds this name. @returns the holder when there is one. */
  claim(name: string, pid: number): PidRecord | undefined;
}

export const pidFiles = (dataDir: string): PidFiles => {
  const dir = join(dataDir, 'run');
  mkdirSync(dir, { recursive: true });
  const path = (name: string): string => join(dir, `${name}.json`);
  const read = (name: string): PidRecord | undefined => {
    try {
      return JSON.parse(readFileSync(path(name), 'utf8')) as PidRecord;
    } catch {
      return undefined;
    }
  };
  const remove = (name: string): void => rmSync(path(name), { force: true });
  const write = (name: string, pid: number, flag: 'w' | 'wx' = 'w'): PidRecord | undefined => {
    const identity = identityOf(pid);
    if (identity === undefined) return undefined;
    const record = { pid, identity };
    writeFileSync(path(name), JSON.stringify(record), { flag });
    return record;
  };
  return {
    write: (name, pid) => write(name, pid),
    remove,
    read,
    running: () =>
      readdirSync(dir)
        .filter((file) => file.endsWith('.json'))
        .flatMap((file) => {
          const name = file.slice(0, -'.json'.length);
          const record = read(name);
          if (record !== undefined && isRunning(record)) return [{ ...record, name }];
          remove(name);
          return [];
        }),
    claim: (name, pid) => {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        try {
          write(name, pid, 'wx');
          return undefined;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        const holder = read(name);
        if (holder !== undefined && isRunning(holder)) return holder;
        remove(name);
      }
      throw new Error(`cannot claim ${path(name)}`);
    },
  };
};
