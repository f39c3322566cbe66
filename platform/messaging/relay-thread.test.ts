import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { events } from '#events';
import { newId } from '#platform/ids/index.ts';
import { silentLog, type Log } from '#platform/logging/index.ts';
import { openDatabase, platformMigration, type Database } from '#platform/postgres/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { createTestDatabase, createTestNats, eventually, type TestDatabase, type TestNats } from '#platform/testing/index.ts';
import { openBus, type Bus } from './bus.ts';
import { publishEvent } from './outbox.ts';
import { startRelayThread, type RelayThreadOptions } from './relay-thread.ts';
import { startRelay } from './relay.ts';

describe('the relay in a thread of its own', () => {
  let server: TestDatabase;
  let nats: TestNats;
  let db: Database;
  let bus: Bus;
  const opened: { close(): Promise<void> }[] = [];
  const lines: { readonly level: string; readonly message: string | undefined; readonly fields: object }[] = [];
  const keep =
    (level: keyof Log) =>
    (fields: object, message?: string): void =>
      void lines.push({ level, fields, message });
  const logger: Log = { ...silentLog, info: keep('info'), warn: keep('warn'), error: keep('error') };
  const start = (more: Partial<RelayThreadOptions> = {}) => {
    const relay = startRelayThread({ db, databaseUrl: server.url, natsUrl: nats.url, name: 'thread-test', logger, ...more });
    opened.push(relay);
    return relay;
  };

  before(async () => {
    server = await createTestDatabase('thread', [platformMigration]);
    nats = await createTestNats();
    db = await openDatabase({ url: server.url, applicationName: 'thread-test' });
    bus = await openBus({ url: nats.url, name: 'thread-test' });
  });
  afterEach(async () => {
    for (const part of opened.splice(0)) await part.close();
    lines.splice(0);
  });
  after(async () => {
    await bus?.close();
    await nats?.close();
    await db?.close();
    await server?.close();
  });

  const tenantId = newId();
  const publish = (aggregateId: string, aggregateVersion: number) =>
    db.transaction((tx) =>
      publishEvent(tx, events.auth.tenantRegistered, {
        tenantId,
        aggregateId,
        aggregateVersion,
        occurredAt: new Date(),
        payload: { tenantId, plan: 'starter' },
      }),
    );
  const unpublished = async (): Promise<number> => (await db.query('select 1 from outbox where published_at is null')).length;
  const stored = async (): Promise<number> => (await (await bus.manager()).streams.info('AUTH')).state.messages;

  it('publishes what was there and what is committed later, and its figures and lines come out in this thread', async () => {
    const metrics = createMetrics(metricTable);
    const before = await stored();
    await publish(newId(), 1);
    const relay = start({ metrics });
    await eventually(async () => assert.equal(await unpublished(), 0));
    assert.ok(relay.leading());
    const aggregate = newId();
    for (const version of [1, 2, 3]) await publish(aggregate, version);
    await eventually(async () => assert.equal(await unpublished(), 0));
    assert.equal((await stored()) - before, 4);
    assert.ok(lines.some(({ message }) => message === 'relay leads'));
    await eventually(async () => {
      const { body } = await metrics.expose();
      assert.match(body, /^outbox_published_total\{stream="AUTH"\} 4$/m);
      assert.match(body, /^outbox_leader 1$/m);
      assert.match(body, /^outbox_pending \d+$/m);
    });
  });

  it('gives the lock back when it is closed, and another relay goes on', async () => {
    const relay = start();
    await eventually(() => assert.ok(relay.leading()));
    await relay.close();
    assert.equal(relay.leading(), false);
    const other = await startRelay({ db, bus });
    opened.push(other);
    await publish(newId(), 1);
    await eventually(async () => assert.equal(await unpublished(), 0));
    assert.ok(other.leading());
  });

  it('lives on when its sessions are cut', async () => {
    const relay = start();
    await eventually(() => assert.ok(relay.leading()));
    await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'thread-test-relay'`);
    await publish(newId(), 1);
    await eventually(async () => assert.equal(await unpublished(), 0));
    await eventually(() => assert.ok(relay.leading()));
    assert.ok(lines.some(({ message }) => message === 'relay lost its database connection'));
  });

  it('a thread that ends by itself is reported and started again', async () => {
    const relay = start({ entry: new URL('data:text/javascript,throw new Error("planted")') });
    await eventually(() => assert.ok(lines.filter(({ message }) => message?.includes('started again')).length >= 2));
    const [failed] = lines.filter(({ message }) => message === 'the thread of the relay failed');
    assert.match(String((failed?.fields as { err?: Error } | undefined)?.err), /planted/);
    assert.equal(relay.leading(), false);
    await relay.close();
  });
});
