/** The lock of one data directory's platform, and what to do with what an earlier one left behind. */
import { existsSync } from 'node:fs';
import { endProcess, pidFiles, signal, waitUntilGone, type PidRecord } from './pids.ts';

const runner = 'runner';

export interface Leftovers {
  readonly name: string;
  readonly pid: number;
}

/** Ends processes whose runner was killed. Services first, servers last; each is checked to be ours. */
export const stopLeftovers = async (dataDir: string): Promise<readonly Leftovers[]> => {
  const files = pidFiles(dataDir);
  const left = files.allRunning().filter(({ name }) => name !== runner);
  const isServer = ({ name }: Leftovers): boolean => name === 'postgres' || name === 'nats';
  await Promise.all(left.filter((one) => !isServer(one)).map((one) => endProcess(one)));
  await Promise.all(left.filter(isServer).map((one) => endProcess(one)));
  for (const { name } of left) files.remove(name);
  return left;
};

/** @returns the pid of the platform that runs on this data already, or undefined: then it is ours until releaseRunner */
export const claimRunner = (dataDir: string): number | undefined => pidFiles(dataDir).claim(runner, process.pid, 'tools/')?.pid;

export const releaseRunner = (dataDir: string): void => pidFiles(dataDir).remove(runner);

export const findRunner = (dataDir: string): PidRecord | undefined => (existsSync(dataDir) ? pidFiles(dataDir).running(runner) : undefined);

/** Asks a running platform to stop and waits; insists after two minutes. @returns its pid, or undefined when none ran */
export const stopRunner = async (dataDir: string): Promise<number | undefined> => {
  const record = findRunner(dataDir);
  if (record === undefined) return undefined;
  signal(record, 'SIGTERM');
  if (!(await waitUntilGone(record, 120_000))) {
    signal(record, 'SIGKILL');
    await waitUntilGone(record, 5_000);
  }
  return record.pid;
};
