/**
 * Pid files under `<dataDir>/run`: what this platform has running, so that another terminal can stop it and so that the next
 * start finds what a killed runner left behind. A pid alone proves nothing (it may belong to a stranger by now), so each file
 * also holds when that process was started and a piece of its command line; only a match of both is ever signalled.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface PidRecord {
  readonly pid: number;
  /** Clock ticks after boot (Linux) or a date: opaque, compared only. */
  readonly startedAt: string;
  /** Part of its command line. */
  readonly marker: string;
}

interface Process {
  readonly startedAt: string;
  readonly command: string;
}

/** @returns undefined when there is no such process, or only its zombie */
const inspect = (pid: number): Process | undefined => {
  try {
    if (process.platform === 'linux') {
      // The name (field 2) may hold blanks and parentheses; what follows the last ")" starts with the state, field 3. Start time is field 22.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
      return { startedAt: fields[19] ?? '', command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
    }
    const ps = (column: string): string =>
      execFileSync('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      }).trim();
    return { startedAt: ps('lstart'), command: ps('command') };
  } catch {
    return undefined;
  }
};

export const isRunning = ({ pid, startedAt, marker }: PidRecord): boolean => {
  const found = inspect(pid);
  return found !== undefined && found.startedAt === startedAt && found.command.includes(marker);
};

/** @returns false when the process is gone, or is not ours any more */
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

/** @returns whether it is gone */
export const waitUntilGone = async (record: PidRecord, timeoutMs: number): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs;
  while (isRunning(record)) {
    if (performance.now() > deadline) return false;
    await sleep(25);
  }
  return true;
};

/** Asks it to end, then insists. */
export const endProcess = async (record: PidRecord, graceMs = 10_000): Promise<void> => {
  if (!signal(record, 'SIGTERM')) return;
  // One that was paused cannot hear it.
  signal(record, 'SIGCONT');
  if (await waitUntilGone(record, graceMs)) return;
  signal(record, 'SIGKILL');
  await waitUntilGone(record, 5_000);
};

export interface PidFiles {
  /** Notes a process just started; @returns undefined when it has ended already. */
  write(name: string, pid: number, marker: string): PidRecord | undefined;
  remove(name: string): void;
  /** @returns the record, if that process still runs */
  running(name: string): PidRecord | undefined;
  /** Every noted process that still runs; files of dead ones are removed on the way. */
  allRunning(): readonly (PidRecord & { readonly name: string })[];
  /** Like write, unless a running process holds this name already: @returns that holder. */
  claim(name: string, pid: number, marker: string): PidRecord | undefined;
}

export const pidFiles = (dataDir: string): PidFiles => {
  const dir = join(dataDir, 'run');
  mkdirSync(dir, { recursive: true });
  const path = (name: string): string => join(dir, `${name}.json`);
  const remove = (name: string): void => rmSync(path(name), { force: true });
  const running = (name: string): PidRecord | undefined => {
    try {
      const record = JSON.parse(readFileSync(path(name), 'utf8')) as PidRecord;
      return isRunning(record) ? record : undefined;
    } catch {
      return undefined;
    }
  };
  const recordOf = (pid: number, marker: string): PidRecord | undefined => {
    const found = inspect(pid);
    return found === undefined ? undefined : { pid, startedAt: found.startedAt, marker };
  };
  return {
    write: (name, pid, marker) => {
      const record = recordOf(pid, marker);
      if (record === undefined) return undefined;
      // Renamed into place: whoever reads it after a crash never finds half a file.
      writeFileSync(`${path(name)}.tmp`, JSON.stringify(record));
      renameSync(`${path(name)}.tmp`, path(name));
      return record;
    },
    remove,
    running,
    allRunning: () =>
      readdirSync(dir)
        .filter((file) => file.endsWith('.json'))
        .flatMap((file) => {
          const name = file.slice(0, -'.json'.length);
          const record = running(name);
          if (record !== undefined) return [{ ...record, name }];
          remove(name);
          return [];
        }),
    claim: (name, pid, marker) => {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        try {
          writeFileSync(path(name), JSON.stringify(recordOf(pid, marker)), { flag: 'wx' });
          return undefined;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        const holder = running(name);
        if (holder !== undefined) return holder;
        remove(name);
      }
      throw new Error(`${path(name)} cannot be claimed`);
    },
  };
};
