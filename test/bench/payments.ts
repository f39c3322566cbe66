/**
 * `node test/bench/payments.ts`, the payments part of `make bench`: webhooks to credits, three in ten told twice, over a durable PostgreSQL
 * (fsync) and the simulator in a process of its own, beside one verify call and one insert per payment in the same run. BENCH_PAYMENTS (2000).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, openDatabase } from '#platform/postgres/index.ts';
import { migrations } from '../../services/billing/adapters/postgres/migrations/index.ts';
import { entities } from '../../services/billing/adapters/postgres/rows.ts';
import { benchPayments } from '../../services/billing/testing/payments/bench.ts';
import { startOutsideWorld } from '../../services/billing/testing/payments/outside-world.ts';
import { ensureDatabase, startPostgres } from '../../tools/infra/postgres.ts';

const directory = await mkdtemp(join(tmpdir(), 'namaskah-payments-bench-'));
const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
try {
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), durable: true });
  stops.unshift(() => postgres.stop());
  const url = await ensureDatabase(postgres.url, { name: 'billing', password: 'of-the-benchmark' });
  await migrate({ url, migrations });
  const world = await startOutsideWorld();
  stops.unshift(() => world.close());
  const db = await openDatabase({ url, applicationName: 'payments-bench', poolMax: 16, statementTimeoutMs: 20_000, entities });
  stops.unshift(() => db.close());
  const count = Number(process.env['BENCH_PAYMENTS'] ?? 2_000);
  const { floorPerSecond, settledPerSecond, webhooksPerSecond, payments, credited } = await benchPayments(db, world, count);
  const line = (name: string, perSecond: number): string => `${name.padEnd(52)} ${perSecond.toFixed(0).padStart(6)}/s\n`;
  process.stdout.write(`${cpus().length} cores, ${payments} payments, 16 in flight\n`);
  process.stdout.write(line('floor: one verify call and one insert a payment', floorPerSecond));
  process.stdout.write(line('webhooks taken in, 30 % of payments told twice', webhooksPerSecond));
  process.stdout.write(line('payments verified and settled', settledPerSecond));
  process.stdout.write(
    `ratio to the floor ${(settledPerSecond / floorPerSecond).toFixed(2)}; credited ${credited} of ${payments}, each once\n`,
  );
  if (credited !== payments) process.exitCode = 1;
} finally {
  for (const stop of stops) await stop();
}
