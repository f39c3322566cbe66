/**
 * `node test/bench/usage.ts`, the usage part of `make bench`: metered events a second through billing's use case and its one statement, over one
 * connection to a durable PostgreSQL (fsync), beside a plain insert of the same rows in the same run. The client shares the machine.
 * BENCH_SECONDS (4) per figure. Without gRPC, which costs a batch of 1,000 events some milliseconds on each side.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, openDatabase } from '#platform/postgres/index.ts';
import { migrations } from '../../services/billing/adapters/postgres/migrations/index.ts';
import { entities } from '../../services/billing/adapters/postgres/rows.ts';
import { benchUsage } from '../../services/billing/testing/usage/bench.ts';
import { ensureDatabase, startPostgres } from '../../tools/infra/postgres.ts';

const directory = await mkdtemp(join(tmpdir(), 'namaskah-usage-bench-'));
const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
try {
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), durable: true });
  stops.unshift(() => postgres.stop());
  const url = await ensureDatabase(postgres.url, { name: 'billing', password: 'of-the-benchmark' });
  await migrate({ url, migrations });
  const db = await openDatabase({ url, applicationName: 'usage-bench', poolMax: 1, statementTimeoutMs: 20_000, entities });
  stops.unshift(() => db.close());
  process.stdout.write(`${cpus().length} cores, batches of 1,000 events, one connection\n`);
  const figures = await benchUsage(db, Number(process.env['BENCH_SECONDS'] ?? 4));
  for (const { name, perSecond } of figures)
    process.stdout.write(
      `${name.padEnd(44)} ${String(perSecond).padStart(7)}/s  ${(perSecond / (figures[0]?.perSecond ?? 1)).toFixed(2)} of the floor\n`,
    );
} finally {
  for (const stop of stops) await stop();
}
