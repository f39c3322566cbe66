import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { events } from '#events';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { migrate, openDatabase, platformMigration, sqlMigration, type Database } from '#platform/postgres/index.ts';
import { eventually, startFaultProxy, type FaultProxy } from '#platform/testing/index.ts';
import { freePort, startNats, startPostgres, type RunningNats, type RunningPostgres } from '../../tools/infra/index.ts';
import { openBus, type Bus } from './bus.ts';
import { on, startConsumer } from './consumer.ts';
import { done } from './outcome.ts';
import { publishEvent } from './outbox.ts';
import { startRelay } from './relay.ts';
import { ensureStreams } from './streams.ts';

const effects = sqlMigration(
  '00000000-0002-effects',
  'create table effect (event_id uuid primary key, aggregate text not null, version bigint not null)',
);
const patience = { timeoutMs: 45_000 };

/** Servers of this file's own, which it may stop and kill. */
describe('when servers fail under load', () => {
  const dir = mkdtempSync(join(tmpdir(), 'namaskah-outage-'));
  let postgres: RunningPostgres;
  let nats: RunningNats;
  let natsPort: number;
  let proxy: FaultProxy;
  let db: Database;
  let bus: Bus;
  const parts: { close(): Promise<void> }[] = [];

  const launchNats = () => startNats({ dir: join(dir, 'nats'), port: natsPort });
  // Durable: what a crash may take from a server without fsync is not ours to promise.
  const launchPostgres = (port?: number) =>
    startPostgres({ dataDir: join(dir, 'postgres'), durable: true, ...(port === undefined ? {} : { port }) });

  before(async () => {
    natsPort = await freePort();
    [postgres, nats] = await Promise.all([launchPostgres(), launchNats()]);
    await migrate({ url: postgres.url, migrations: [platformMigration, effects] });
    proxy = await startFaultProxy({ target: `127.0.0.1:${postgres.port}` });
    const url = new URL(postgres.url);
    url.port = String(proxy.port);
    db = await openDatabase({ url: url.href, applicationName: 'outages-test', statementTimeoutMs: 1_000 });
    bus = await openBus({ url: nats.url, name: 'outages-test' });
    await ensureStreams(bus);
    parts.push(await startRelay({ db, bus, standbyMs: 50 }));
    parts.push(
      await startConsumer({
        db,
        bus,
        durable: 'billing-tenant',
        handlers: [
          on(events.auth.tenantRegistered, async (tx, event) => {
            await tx.query('insert into effect values ($1, $2, $3)', [event.id, event.aggregateId, event.aggregateVersion]);
            return done();
          }),
        ],
      }),
    );
  });
  after(async () => {
    for (const part of parts.toReversed()) await part.close();
    await bus?.close();
    await db?.close();
    await proxy?.close();
    await Promise.all([postgres?.stop('immediate'), nats?.kill()]);
    rmSync(dir, { recursive: true, force: true });
  });

  /** Publishes until told to stop. @returns which versions were committed for certain */
  const load = (aggregateId: string) => {
    let running = true;
    const committed: number[] = [];
    const work = (async () => {
      for (let version = 1; running; version++) {
        try {
          const facts = {
            tenantId: aggregateId,
            aggregateId,
            aggregateVersion: version,
            occurredAt: new Date(),
            payload: { tenantId: aggregateId, plan: 'free' },
          };
          await db.transaction((tx) => publishEvent(tx, events.auth.tenantRegistered, facts));
          committed.push(version);
        } catch (error) {
          assert.ok(
            isAppError(error, 'platform.unavailable') ||
              isAppError(error, 'platform.overloaded') ||
              isAppError(error, 'platform.deadline_exceeded'),
            String(error),
          );
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    })();
    return {
      committed,
      reach: (count: number) => eventually(() => assert.ok(committed.length >= count, `${committed.length} of ${count}`), patience),
      stop: async () => {
        running = false;
        await work;
      },
    };
  };

  const assertAllArrive = (aggregateId: string, committed: readonly number[]) =>
    eventually(async () => {
      const rows = await db.query<{ version: bigint }>('select version from effect where aggregate = $1', [aggregateId]);
      const arrived = new Set(rows.map(({ version }) => Number(version)));
      assert.deepEqual(
        committed.filter((version) => !arrived.has(version)),
        [],
      );
    }, patience);

  it('loses no committed event when NATS is killed and comes back', async () => {
    const aggregate = newId();
    const writer = load(aggregate);
    await writer.reach(50);
    await nats.kill();
    await assert.rejects(bus.ping(), (error) => isAppError(error, 'platform.unavailable'));
    await writer.reach(writer.committed.length + 100); // the outage does not stop the business
    nats = await launchNats();
    await writer.reach(writer.committed.length + 50);
    await writer.stop();
    await assertAllArrive(aggregate, writer.committed);
    await bus.ping();
  });

  it('loses no committed event when PostgreSQL crashes and comes back', async () => {
    const aggregate = newId();
    const writer = load(aggregate);
    await writer.reach(50);
    const { port } = postgres;
    await postgres.stop('immediate');
    await assert.rejects(db.query('select 1'), (error) => isAppError(error, 'platform.unavailable'));
    postgres = await launchPostgres(port);
    await writer.reach(writer.committed.length + 50);
    await writer.stop();
    await assertAllArrive(aggregate, writer.committed);
    assert.equal(db.poolStats().waiting, 0);
  });

  it('gives up statements over a connection that swallows everything, and recovers when it is back', async () => {
    const aggregate = newId();
    const writer = load(aggregate);
    await writer.reach(20);
    proxy.blackHole(true);
    const startedAt = performance.now();
    await assert.rejects(
      db.transaction(async (tx) => tx.query('select 1')),
      (error) => isAppError(error),
    );
    assert.ok(performance.now() - startedAt < 10_000);
    proxy.reset();
    proxy.blackHole(false);
    await writer.reach(writer.committed.length + 20);
    await writer.stop();
    await assertAllArrive(aggregate, writer.committed);
  });
});

describe('the local servers', () => {
  it('end with the process that started them, even by kill -9, or are ended by the next start', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'namaskah-orphan-'));
    const script = `
      const { startPostgres, startNats } = await import(${JSON.stringify(new URL('../../tools/infra/index.ts', import.meta.url).href)});
      const postgres = await startPostgres({ dataDir: ${JSON.stringify(join(dir, 'postgres'))}, durable: false });
      const nats = await startNats({ dir: ${JSON.stringify(join(dir, 'nats'))} });
      console.log(JSON.stringify({ postgres: postgres.pid, nats: nats.pid }));
      setInterval(() => {}, 1000);`;
    const parent: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pids = await new Promise<{ postgres: number; nats: number }>((resolve) =>
      parent.stdout!.once('data', (text) => resolve(JSON.parse(String(text)) as never)),
    );
    parent.kill('SIGKILL');
    const alive = (pid: number): boolean => {
      try {
        process.kill(pid, 0);
        return true;
      } catch {
        return false;
      }
    };
    if (process.platform === 'linux') {
      await eventually(() => assert.deepEqual([alive(pids.postgres), alive(pids.nats)], [false, false]), { timeoutMs: 15_000 });
    }
    const postgres = await startPostgres({ dataDir: join(dir, 'postgres'), durable: false });
    const nats = await startNats({ dir: join(dir, 'nats') });
    assert.deepEqual([alive(pids.postgres), alive(pids.nats)], [false, false]);
    await Promise.all([postgres.stop('immediate'), nats.kill()]);
    rmSync(dir, { recursive: true, force: true });
  });
});
