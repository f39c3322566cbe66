/**
 * Holds and hold+capture pairs per second, against a floor measured in the same run.
 * node tools/test.ts does not run this: `BENCH_DATABASE_URL=postgres://… node services/billing/testing/ledger/bench.ts [seconds]`
 * on an empty database of which the role is the owner.
 */
import { newId } from '#platform/ids/index.ts';
import { type Database, migrate } from '#platform/postgres/index.ts';
import { postgresAudit } from '../../adapters/postgres/ledger/audit.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { capturing, granting, placing } from './books.contract.ts';
import { openBooks, postgresBooks } from './postgres-books.ts';

const inFlight = 32;
const accounts = 1_000;

interface Figure {
  readonly name: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Keeps `inFlight` calls running for `seconds`. */
const measure = async (name: string, seconds: number, call: (at: number) => Promise<void>): Promise<Figure> => {
  const endsAt = performance.now() + seconds * 1_000;
  const durations: number[] = [];
  let at = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const startedAt = performance.now();
      await call(at++);
      durations.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const sorted = durations.toSorted((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
  return { name, perSecond: Math.round(durations.length / seconds), p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
};

const bench = async (db: Database, seconds: number): Promise<readonly Figure[]> => {
  const books = postgresBooks(db);
  const tenants = Array.from({ length: accounts }, newId);
  const [hot = ''] = tenants;
  for (const tenantId of tenants) await books.grant(granting(tenantId, 1_000_000_000_000n));
  await db.query('create table if not exists bench_floor (id uuid primary key, body text not null)');
  const place = async (tenantId: string): Promise<string> => {
    const command = placing(tenantId, 10n);
    const { outcome } = await books.place(command);
    if (outcome !== 'done') throw new Error(outcome);
    return command.holdId;
  };
  const pair = async (tenantId: string): Promise<void> => {
    const { outcome } = await books.capture(capturing(tenantId, await place(tenantId), 10n));
    if (outcome !== 'done') throw new Error(outcome);
  };
  const spread = (at: number): string => tenants[at % accounts] ?? hot;
  const insert = { name: 'bench_floor' };
  return [
    await measure(
      'floor: one row inserted',
      seconds,
      async () => void (await db.query('insert into bench_floor values ($1, $2)', [newId(), 'x'], insert)),
    ),
    await measure('place hold, 1,000 accounts', seconds, async (at) => void (await place(spread(at)))),
    await measure('place hold, one account', seconds, async () => void (await place(hot))),
    await measure('hold + capture pair, 1,000 accounts', seconds, (at) => pair(spread(at))),
    await measure('hold + capture pair, one account', seconds, () => pair(hot)),
  ];
};

// oxlint-disable-next-line node/no-process-env -- run by hand, like a main.ts
const url = process.env['BENCH_DATABASE_URL'];
if (url === undefined) throw new Error('BENCH_DATABASE_URL is not set');
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const seconds = Number(process.argv[2] ?? 5);
await migrate({ url, migrations });
for (const poolMax of [4, 10]) {
  const db = await openBooks(url, poolMax);
  const figures = await bench(db, seconds);
  const floor = figures[0]?.perSecond ?? 1;
  print(`${inFlight} in flight over ${poolMax} connections`);
  for (const { name, perSecond, p50Ms, p99Ms } of figures) {
    print(
      `${name.padEnd(38)} ${String(perSecond).padStart(6)}/s  ${(perSecond / floor).toFixed(2)} of floor  p50 ${p50Ms.toFixed(1)} ms  p99 ${p99Ms.toFixed(1)} ms`,
    );
  }
  const divergence = await postgresAudit(db).firstDivergence();
  print(divergence === undefined ? 'the books agree' : JSON.stringify(divergence));
  await db.close();
}
