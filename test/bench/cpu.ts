/** CPU time of processes, from /proc: where a request's milliseconds go. Linux only; elsewhere there are no figures. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of a second: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Stat {
  readonly parent: number;
  readonly cpuMs: number;
  /** Of children that have ended: a session's time must not vanish with it. */
  readonly endedMs: number;
}

const stat = (pid: number): Stat | undefined => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const ms = (first: number): number => ((Number(fields[first]) + Number(fields[first + 1])) * 1_000) / ticksPerSecond;
    return { parent: Number(fields[1]), cpuMs: ms(11), endedMs: ms(13) };
  } catch {
    return undefined;
  }
};

/** CPU used so far by a process and its children (PostgreSQL's sessions), in milliseconds. */
export const cpuMs = (pid: number): number => {
  if (process.platform !== 'linux') return Number.NaN;
  const own = stat(pid);
  let sum = (own?.cpuMs ?? 0) + (own?.endedMs ?? 0);
  for (const entry of readdirSync('/proc')) {
    const child = Number(entry);
    if (!Number.isInteger(child)) continue;
    const found = stat(child);
    if (found?.parent === pid) sum += found.cpuMs;
  }
  return sum;
};

/** CPU so far of every process of a platform and of this one, which makes the load, by name. */
export const cpuByPart = (platform: { parts(): readonly string[]; pid(name: never): number | undefined }): ReadonlyMap<string, number> => {
  const { user, system } = process.cpuUsage();
  return new Map([
    ...platform.parts().map((name) => [name, cpuMs(platform.pid(name as never) ?? 0)] as const),
    ['load', (user + system) / 1_000] as const,
  ]);
};

/** Milliseconds of CPU per request, by process: what the parts cost on a machine where they share the cores. */
export const sharesOf = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, done: number): string =>
  [...after]
    .map(([name, ms]) => ({ name, share: (ms - (before.get(name) ?? 0)) / done }))
    .filter(({ share }) => share >= 0.005)
    .toSorted((a, b) => b.share - a.share)
    .map(({ name, share }) => `${name} ${share.toFixed(2)}`)
    .join(', ');

/**
 * Time that the machine's processors were ready and a host gave to other machines, in milliseconds of all of them: while it grows, latencies say
 * more about the neighbours than about what is measured. 0 where nobody counts it.
 */
export const stolenMs = (): number => {
  if (process.platform !== 'linux') return 0;
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/) ?? [];
  return (Number(fields[8] ?? 0) * 1_000) / ticksPerSecond;
};
