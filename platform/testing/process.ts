import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { nodeArguments } from '#topology';
import { childEnvironment } from './environment.ts';

/** A process of the platform as it runs everywhere: its own Node with the usual arguments, spoken to over the wire only. */
export interface TestProcess {
  readonly pid: number;
  /** Ports by name, as its line "started" tells them. */
  readonly addresses: Readonly<Record<string, number>>;
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, so it drains. Resolves when it is gone. */
  close(): Promise<void>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const startTimeoutMs = 30_000;

interface StartedLine {
  readonly msg?: string;
  readonly addresses?: Readonly<Record<string, number>>;
}

const startedAddresses = (line: string): Readonly<Record<string, number>> | undefined => {
  if (!line.startsWith('{')) return undefined;
  const { msg, addresses } = JSON.parse(line) as StartedLine;
  return msg === 'started' ? addresses : undefined;
};

/**
 * Starts an entry point of the repository and waits until it serves.
 * @param entry path from the root, for example `services/simulator/main.ts`
 * @param environment all of it but PATH; the level of its log must let "started" through
 */
export const startProcess = async (entry: string, environment: Readonly<Record<string, string>>): Promise<TestProcess> => {
  const child = spawn(process.execPath, [...nodeArguments, entry], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnvironment({ LOG_LEVEL: 'info', ...environment }),
  });
  const exited = once(child, 'exit');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  const addresses = await new Promise<Readonly<Record<string, number>>>((resolve, reject) => {
    const giveUp = (reason: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${entry} ${reason}`));
    };
    const timer = setTimeout(() => giveUp('did not start in time'), startTimeoutMs);
    child.once('error', (error) => giveUp(`could not be started: ${error.message}`));
    child.once('exit', (code) => giveUp(`ended with ${code}`));
    // Lines go on being read after the start: a full pipe would stop the child.
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = startedAddresses(line);
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
  return { pid: child.pid ?? 0, addresses, kill: () => end('SIGKILL'), close: () => end('SIGTERM') };
};
