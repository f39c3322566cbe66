import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What has to be undone at the end, the last first. */
export type Stops = (() => Promise<unknown> | void)[];

/** Starts a process of a floor. @returns the port that it prints first */
export const startChild = async (stops: Stops, entry: string, ...args: readonly string[]): Promise<number> => {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  stops.unshift(() => void child.kill('SIGTERM'));
  for await (const line of createInterface({ input: child.stdout })) return Number(line);
  throw new Error(`${entry} did not start`);
};
