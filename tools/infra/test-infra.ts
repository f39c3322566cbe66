import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, testAccounts } from './nats.ts';
import { startPostgres } from './postgres.ts';

/** What one test run needs: the same addresses whichever way the servers are started. */
export interface TestInfra {
  readonly postgresUrl: string;
  readonly natsUrl: string;
  stop(): Promise<void>;
}

export type InfraKind = 'local' | 'containers';

const gib = 2 ** 30;

/**
 * Where the servers of a run keep their data. A database is a thousand files, and a run makes and drops hundreds of them: on a disk's file
 * system the kernel spends a quarter of the run's CPU on that. So in memory where there is plenty (a whole run had 0.4 GiB of it at most), unless
 * TMPDIR says where temporary files belong.
 */
const dataDirectory = (): string => {
  const inMemory = '/dev/shm';
  if (process.platform !== 'linux' || process.env['TMPDIR']) return tmpdir();
  try {
    const { bavail, bsize } = statfsSync(inMemory);
    const plenty = bavail * bsize >= 6 * gib && Math.min(freemem(), process.availableMemory()) >= 8 * gib;
    return plenty ? inMemory : tmpdir();
  } catch {
    return tmpdir();
  }
};

const startLocal = async (): Promise<TestInfra> => {
  const dir = mkdtempSync(join(dataDirectory(), 'namaskah-test-'));
  chmodSync(dir, 0o755);
  const remove = (): void => rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  const [postgres, nats] = await Promise.allSettled([
    startPostgres({ dataDir: join(dir, 'postgres'), durable: false }),
    startNats({ dir: join(dir, 'nats'), config: testAccounts() }),
  ]);
  const stop = async (): Promise<void> => {
    // Nobody needs this data any more: no checkpoint, no drain.
    await Promise.all([
      postgres.status === 'fulfilled' ? postgres.value.stop('immediate') : undefined,
      nats.status === 'fulfilled' ? nats.value.kill() : undefined,
    ]);
    remove();
  };
  if (postgres.status === 'rejected' || nats.status === 'rejected') {
    await stop();
    throw new AggregateError([postgres, nats].flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])));
  }
  return { postgresUrl: postgres.value.url, natsUrl: nats.value.url, stop };
};

/** Starts one PostgreSQL and one nats-server for a test run. Fails, never skips, when that is not possible. */
export const startTestInfra = async (kind: InfraKind): Promise<TestInfra> =>
  kind === 'local' ? startLocal() : (await import('./containers.ts')).startContainers();
