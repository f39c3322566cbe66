/** TPC-B by PostgreSQL's own pgbench; null where it is not installed (Debian: postgresql-15, postgresql-contrib). */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const find = (): string | undefined => {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).toSorted((a, b) => Number(b) - Number(a)) : [];
  return [...versions.map((version) => `${base}/${version}/bin/pgbench`), '/usr/bin/pgbench'].find((path) => existsSync(path));
};

const run = (binary: string, args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(binary, args, { encoding: 'utf8', timeout: 120_000 });
  if (status !== 0) throw new Error(`pgbench failed: ${stderr}`);
  return stdout;
};

export interface TpcB {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** From pgbench's log of transactions: client, number, microseconds, … */
const latenciesMs = (directory: string): readonly number[] =>
  readdirSync(directory)
    .flatMap((file) => readFileSync(join(directory, file), 'utf8').trimEnd().split('\n'))
    .map((line) => Number(line.split(' ')[2]) / 1_000)
    .toSorted((a, b) => a - b);

/**
 * Makes the tables, at scale 20: more branches than 16 sessions.
 * @returns a measurement, of so many seconds, with so many sessions
 */
export const openTpcB = (url: string): ((seconds: number, sessions: number) => TpcB) | null => {
  const binary = find();
  if (binary === undefined) return null;
  run(binary, ['--initialize', '--scale=20', '--quiet', url]);
  return (seconds, sessions) => {
    const directory = mkdtempSync(join(tmpdir(), 'namaskah-tpcb-'));
    try {
      const log = ['--log', `--log-prefix=${join(directory, 'log')}`];
      const output = run(binary, [
        `--client=${sessions}`,
        '--jobs=2',
        `--time=${seconds}`,
        '--no-vacuum',
        '--protocol=prepared',
        ...log,
        url,
      ]);
      const latencies = latenciesMs(directory);
      const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
      return { perSecond: Number(/tps = ([\d.]+)/.exec(output)?.[1]), p50Ms: at(0.5), p99Ms: at(0.99) };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
};
