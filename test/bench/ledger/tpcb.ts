/** TPC-B by PostgreSQL's own pgbench; null where it is not installed (Debian: postgresql-15, postgresql-contrib). */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

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

/**
 * Makes the tables, at scale 20: more branches than sessions.
 * @returns a measurement, of so many seconds, in transactions per second with 16 sessions
 */
export const openTpcB = (url: string): ((seconds: number) => number) | null => {
  const binary = find();
  if (binary === undefined) return null;
  run(binary, ['--initialize', '--scale=20', '--quiet', url]);
  return (seconds) => {
    const output = run(binary, ['--client=16', '--jobs=2', `--time=${seconds}`, '--no-vacuum', '--protocol=prepared', url]);
    return Number(/tps = ([\d.]+)/.exec(output)?.[1]);
  };
};
