import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { events } from '#events';
import { newId } from '#platform/ids/index.ts';
import { dead, done, on, openBus, publishEvent, startConsumer, startRelay, type Bus } from '#platform/messaging/index.ts';
import { openDatabase, platformMigration, type Database } from '#platform/postgres/index.ts';
import { createTestDatabase, createTestNats, eventually, type TestDatabase, type TestNats } from '#platform/testing/index.ts';
import { runDlq } from './dlq.ts';

describe('dead letters', () => {
  let server: TestDatabase;
  let nats: TestNats;
  let db: Database;
  let bus: Bus;
  before(async () => {
    server = await createTestDatabase('dlq', [platformMigration]);
    nats = await createTestNats();
    db = await openDatabase({ url: server.url, applicationName: 'dlq-test' });
    bus = await openBus({ url: nats.url, name: 'dlq-test' });
  });
  after(async () => {
    await bus?.close();
    await nats?.close();
    await db?.close();
    await server?.close();
  });

  const dlq = async (...args: string[]): Promise<string[]> => {
    const lines: string[] = [];
    await runDlq(args, bus, { line: (text) => void lines.push(text) });
    return lines;
  };

  it('are listed, shown, not touched by a dry run, and handled once after a replay, by their own durable only', async () => {
    const handled = { tenant: [] as string[], notification: [] as string[] };
    let broken = true;
    const relay = await startRelay({ db, bus });
    const tenant = await startConsumer({
      db,
      bus,
      durable: 'billing-tenant',
      handlers: [
        on(events.auth.tenantRegistered, async (_tx, event) =>
          broken ? dead({ cause: new Error('no wallet yet') }) : (handled.tenant.push(event.id), done()),
        ),
      ],
    });
    const notification = await startConsumer({
      db,
      bus,
      durable: 'notification-auth',
      handlers: [on(events.auth.tenantRegistered, async (_tx, event) => (handled.notification.push(event.id), done()))],
    });
    try {
      const aggregateId = newId();
      await db.transaction((tx) =>
        publishEvent(tx, events.auth.tenantRegistered, {
          tenantId: aggregateId,
          aggregateId,
          aggregateVersion: 1,
          occurredAt: new Date(),
          payload: { tenantId: aggregateId, plan: 'free' },
        }),
      );
      const [row] = await eventually(async () => {
        const lines = await dlq('list', 'billing-tenant');
        assert.match(lines.at(-1)!, /^1 dead letters$/);
        return lines;
      });
      assert.match(
        row!,
        /billing-tenant {2}namaskah\.auth\.v1\.tenant\.registered .* deliveries=1 {2}platform\.internal {2}Error: no wallet yet/,
      );
      assert.ok(row!.includes(aggregateId));
      const sequence = row!.trim().split(/\s+/)[0]!;
      assert.ok((await dlq('show', sequence)).some((line) => line.includes('"plan":"free"')));
      assert.match((await dlq('replay', '--all', 'billing-tenant', '--dry-run')).at(-1)!, /1 dead letters would be replayed/);
      assert.match((await dlq('list')).at(-1)!, /^1 /);

      broken = false;
      assert.match((await dlq('replay', sequence)).at(-1)!, /1 dead letters replayed/);
      await eventually(() => assert.equal(handled.tenant.length, 1));
      assert.deepEqual(await dlq('list'), ['no dead letters']);
      await eventually(async () => assert.equal((await (await bus.manager()).consumers.info('AUTH', 'notification-auth')).num_pending, 0));
      assert.deepEqual(handled.notification, handled.tenant);
      await assert.rejects(dlq('show', sequence), /no dead letter/);
    } finally {
      await notification.close();
      await tenant.close();
      await relay.close();
    }
  });

  it('refuse a command they do not know', async () => {
    for (const args of [[], ['drop'], ['replay'], ['show', 'x']]) await assert.rejects(dlq(...args), /usage/);
  });
});
