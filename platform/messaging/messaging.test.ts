import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { events } from '#events';
import { newId } from '#platform/ids/index.ts';
import { openDatabase, platformMigration, sqlMigration, type Database, type Transaction } from '#platform/postgres/index.ts';
import { createTestDatabase, createTestNats, eventually, type TestDatabase, type TestNats } from '#platform/testing/index.ts';
import { openBus, type Bus } from './bus.ts';
import { startBatchConsumer } from './batch-consumer.ts';
import { on, startConsumer } from './consumer.ts';
import { deadHeader } from './dead-letters.ts';
import type { ReceivedEvent } from './event.ts';
import { inBatch } from './in-batch.ts';
import { dead, done, retry, type Outcome } from './outcome.ts';
import { publishEvent } from './outbox.ts';
import { startRelay } from './relay.ts';

const effects = sqlMigration(
  '00000000-0002-effects',
  `create table effect (position bigint generated always as identity, event_id uuid not null, aggregate text not null, version bigint not null)`,
);

/** Beyond the ack wait: a message that the server sends into the very moment of a close comes again only after it. */
const patience = { timeoutMs: 45_000 };

describe('outbox, relay and consumers', () => {
  let server: TestDatabase;
  let nats: TestNats;
  let db: Database;
  let bus: Bus;
  const opened: { close(): Promise<void> }[] = [];
  const own = async <T extends { close(): Promise<void> }>(part: Promise<T>): Promise<T> => {
    const resource = await part;
    opened.unshift(resource);
    return resource;
  };

  const open = async (): Promise<void> => {
    server = await createTestDatabase('messaging', [platformMigration, effects]);
    nats = await createTestNats();
    db = await openDatabase({ url: server.url, applicationName: 'messaging-test', poolMax: 20 });
    bus = await openBus({ url: nats.url, name: 'messaging-test' });
  };
  const closeAll = async (): Promise<void> => {
    for (const resource of opened.splice(0)) await resource.close();
  };
  before(open);
  afterEach(closeAll);
  after(async () => {
    await bus?.close();
    await nats?.close();
    await db?.close();
    await server?.close();
  });

  const tenantId = newId();
  const captured = (tx: Transaction, aggregateId: string, aggregateVersion: number) =>
    publishEvent(tx, events.auth.tenantRegistered, {
      tenantId,
      aggregateId,
      aggregateVersion,
      occurredAt: new Date(),
      payload: { tenantId, plan: `v${aggregateVersion}` },
    });
  const publish = (aggregateId: string, version: number) => db.transaction((tx) => captured(tx, aggregateId, version));
  const recordEffect = (tx: Transaction, event: ReceivedEvent) =>
    tx.query('insert into effect (event_id, aggregate, version) values ($1, $2, $3)', [
      event.id,
      event.aggregateId,
      event.aggregateVersion,
    ]);
  const versionsOf = async (aggregate: string): Promise<number[]> =>
    (await db.query<{ version: bigint }>('select version from effect where aggregate = $1 order by position', [aggregate])).map(
      ({ version }) => Number(version),
    );
  const unpublished = async (aggregate: string): Promise<number> =>
    (await db.query('select 1 from outbox where aggregate_id = $1 and published_at is null', [aggregate])).length;
  const consume = (handler: (tx: Transaction, event: ReceivedEvent) => Promise<Outcome>) =>
    own(startConsumer({ db, bus, durable: 'billing-tenant', handlers: [on(events.auth.tenantRegistered, handler as never)] }));
  const recording = async (tx: Transaction, event: ReceivedEvent): Promise<Outcome> => {
    await recordEffect(tx, event);
    return done();
  };

  it('delivers what is committed, nothing of what is rolled back, with every field of the contract', async () => {
    await own(startRelay({ db, bus }));
    const seen: ReceivedEvent[] = [];
    await consume(async (_tx, event) => (seen.push(event), done()));
    const aggregate = newId();
    await assert.rejects(
      db.transaction(async (tx) => (await captured(tx, aggregate, 1), Promise.reject(new Error('no')))),
      /no/,
    );
    await publish(aggregate, 2);
    const event = await eventually(() => (assert.equal(seen.length, 1), seen[0]!), patience);
    assert.equal(event.aggregateVersion, 2);
    assert.equal(event.aggregateId, aggregate);
    assert.equal(event.tenantId, tenantId);
    assert.equal(event.subject, 'namaskah.auth.v1.tenant.registered');
    assert.equal(event.deliveryCount, 1);
    assert.ok(Math.abs(event.occurredAt.getTime() - Date.now()) < 60_000);
    assert.equal((event.payload as { plan: string }).plan, 'v2');
  });

  it('wakes the relay at the commit: an idle outbox publishes in far less than its polling interval', async () => {
    await own(startRelay({ db, bus }));
    let heardAt = 0;
    const stop = await bus.follow('namaskah.auth.v1.>', () => void (heardAt = performance.now()));
    await publish(newId(), 1);
    await eventually(() => assert.notEqual(heardAt, 0), patience);
    const waits: number[] = [];
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1_100)); // lets the polling back off to its slowest
      heardAt = 0;
      const startedAt = performance.now();
      await publish(newId(), 1);
      await eventually(() => assert.notEqual(heardAt, 0), { intervalMs: 1, ...patience });
      waits.push(heardAt - startedAt);
    }
    await stop();
    assert.ok(Math.min(...waits) < 200, `took ${waits.join(', ')} ms`);
  });

  it('deletes what is too old although it is never idle', async () => {
    const insert = `insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload, created_at, published_at)
      select gen_random_uuid(), 'namaskah.billing.v1.none', gen_random_uuid()::text, 1, '{}', '', $2, $3 from generate_series(1, $1::int)`;
    const [now, old] = [new Date(), new Date(Date.now() - 8 * 86_400_000)];
    await db.query(insert, [2, old, old]);
    await db.query(insert, [3_000, now, null]);
    await own(startRelay({ db, bus, batchSize: 1, sweepEveryMs: 1 }));
    const { kept, waiting } = await eventually(async () => {
      const [row] = await db.query<{ kept: bigint; waiting: bigint }>(
        'select count(*) filter (where created_at = $1) as kept, count(*) filter (where published_at is null) as waiting from outbox',
        [old],
      );
      assert.ok(row?.kept === 0n || row?.waiting === 0n);
      return row;
    }, patience);
    assert.equal(kept, 0n);
    assert.ok(waiting > 0n, 'and more waits to be published');
  });

  it('keeps the order of an aggregate and lets no long transaction delay the others', async () => {
    await own(startRelay({ db, bus }));
    await consume(recording);
    const [slow, fast] = [newId(), newId()];
    let commit!: () => void;
    const long = db.transaction(async (tx) => {
      await captured(tx, slow, 1);
      await new Promise<void>((resolve) => (commit = resolve));
    });
    await eventually(() => assert.ok(commit));
    // Written later, committed earlier, while the older transaction is still open.
    for (let version = 1; version <= 20; version++) await publish(fast, version);
    await eventually(async () => assert.equal((await versionsOf(fast)).length, 20), patience);
    assert.deepEqual(await versionsOf(slow), []);
    commit();
    await long;
    await eventually(async () => assert.deepEqual(await versionsOf(slow), [1]), patience);
    assert.deepEqual(
      await versionsOf(fast),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  it('orders an aggregate by the order of its changes, when the later change took its transaction id first', async () => {
    await own(startRelay({ db, bus }));
    await consume(recording);
    const aggregate = newId();
    await db.query('create table if not exists locked (id text primary key, version bigint)');
    await db.query('insert into locked values ($1, 0)', [aggregate]);
    const change = async (tx: Transaction): Promise<void> => {
      const [row] = await tx.query<{ version: bigint }>('update locked set version = version + 1 where id = $1 returning version', [
        aggregate,
      ]);
      await captured(tx, aggregate, Number(row!.version));
    };
    // An idempotency key, say, is written before the aggregate is locked: it fixes the transaction id, not the order.
    let go!: () => void;
    const early = db.transaction(async (tx) => {
      await tx.query('select pg_current_xact_id()');
      await new Promise<void>((resolve) => (go = resolve));
      await change(tx);
    });
    await eventually(() => assert.ok(go));
    await db.transaction(change);
    go();
    await early;
    await eventually(async () => assert.equal((await versionsOf(aggregate)).length, 2), patience);
    assert.deepEqual(await versionsOf(aggregate), [1, 2]);
  });

  it('handles once what a relay published but could not mark before its death', async () => {
    await consume(recording);
    const aggregate = newId();
    const first = await startRelay({ db, bus });
    await publish(aggregate, 1);
    await eventually(async () => assert.deepEqual(await versionsOf(aggregate), [1]), patience);
    await eventually(async () => assert.equal(await unpublished(aggregate), 0), patience);
    await first.close();
    // As if the process had died between the acknowledgement and the update; and beyond the stream's own memory of ids.
    await db.query('update outbox set published_at = null where aggregate_id = $1', [aggregate]);
    const manager = await bus.manager();
    const { config } = await manager.streams.info('AUTH');
    await manager.streams.update('AUTH', { ...config, duplicate_window: 100_000_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = (await manager.streams.info('AUTH')).state.messages;
    await own(startRelay({ db, bus }));
    await eventually(async () => assert.equal(await unpublished(aggregate), 0), patience);
    await publish(aggregate, 2);
    await eventually(async () => assert.deepEqual(await versionsOf(aggregate), [1, 2]), patience);
    assert.equal((await manager.streams.info('AUTH')).state.messages, before + 2, 'the duplicate did reach the stream');
    await manager.streams.update('AUTH', config);
  });

  it('has one active relay; the standby takes over when the leader ends or loses its session', async () => {
    const leader = await startRelay({ db, bus, standbyMs: 50 });
    await eventually(() => assert.ok(leader.leading()), patience);
    const standby = await own(startRelay({ db, bus, standbyMs: 50 }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual([leader.leading(), standby.leading()], [true, false]);
    await leader.close();
    await eventually(() => assert.ok(standby.leading()), patience);
    const third = await own(startRelay({ db, bus, standbyMs: 50 }));
    await db.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())`,
    );
    await eventually(() => assert.notEqual(standby.leading(), third.leading()), patience);
    const aggregate = newId();
    await publish(aggregate, 1);
    await eventually(async () => assert.equal(await unpublished(aggregate), 0), patience);
  });

  it('retries what throws or asks for it, holding later events of the aggregate back, and rolls the effects back', async () => {
    await own(startRelay({ db, bus }));
    const failures = new Map<number, number>();
    const aggregate = newId();
    await consume(async (tx, event) => {
      if (event.aggregateId !== aggregate) return done();
      await recordEffect(tx, event);
      const count = (failures.get(event.aggregateVersion) ?? 0) + 1;
      failures.set(event.aggregateVersion, count);
      if (event.aggregateVersion === 1 && count === 1) throw new Error('first time');
      if (event.aggregateVersion === 1 && count === 2) return retry({ afterMs: 50, cause: new Error('second time') });
      return done();
    });
    await db.transaction(async (tx) => {
      for (const version of [1, 2, 3]) await captured(tx, aggregate, version);
    });
    await eventually(async () => assert.equal((await versionsOf(aggregate)).length, 3), patience);
    assert.deepEqual(await versionsOf(aggregate), [1, 2, 3]);
    assert.deepEqual(
      [...failures],
      [
        [1, 3],
        [2, 1],
        [3, 1],
      ],
    );
  });

  it('moves a dead event to the dead letters with reason, original bytes and headers, and goes on', async () => {
    await own(startRelay({ db, bus }));
    const [poison, healthy] = [newId(), newId()];
    await consume(async (tx, event) => (event.aggregateId === poison ? dead({ cause: new Error('cannot be') }) : recording(tx, event)));
    await publish(poison, 1);
    await publish(healthy, 1);
    await eventually(async () => assert.deepEqual(await versionsOf(healthy), [1]), patience);
    const manager = await bus.manager();
    const letter = await eventually(async () => {
      const found = await manager.streams.getMessage('DLQ', { last_by_subj: 'dlq.billing-tenant' });
      assert.equal(found?.header.get('ce-subject'), poison);
      return found!;
    }, patience);
    assert.match(letter.header.get(deadHeader.reason), /cannot be/);
    assert.equal(letter.header.get(deadHeader.subject), 'namaskah.auth.v1.tenant.registered');
    assert.equal(letter.header.get(deadHeader.deliveries), '1');
    assert.equal(letter.json<{ plan: string }>().plan, 'v1');
    await eventually(async () => assert.equal((await manager.consumers.info('AUTH', 'billing-tenant')).num_ack_pending, 0), patience);
  });

  it('buries an event at its last delivery', async () => {
    await own(startRelay({ db, bus }));
    const aggregate = newId();
    let deliveries = 0;
    await consume(async (_tx, event) => {
      if (event.aggregateId !== aggregate) return done();
      deliveries = event.deliveryCount;
      return retry({ afterMs: 1, cause: new Error('always') });
    });
    await publish(aggregate, 1);
    const manager = await bus.manager();
    await eventually(async () => {
      const found = await manager.streams.getMessage('DLQ', { last_by_subj: 'dlq.billing-tenant' });
      assert.equal(found?.header.get('ce-subject'), aggregate);
    }, patience);
    assert.equal(deliveries, 12);
  });

  it('copies an event whose every delivery killed its process, on the advisory of the server', async () => {
    await own(startRelay({ db, bus }));
    const aggregate = newId();
    await publish(aggregate, 1);
    const consumer = await bus.jetstream.consumers.get('AUTH', 'billing-tenant');
    // Takes and drops deliveries as a crashing process does; an immediate nak stands for the ack time-out.
    for (let count = 0; count < 12;) {
      const message = await consumer.next({ expires: 5_000 });
      assert.ok(message);
      if (message.headers?.get('ce-subject') !== aggregate) message.ack();
      else {
        count++;
        message.nak();
      }
    }
    await consume(async () => done());
    const manager = await bus.manager();
    await eventually(async () => {
      const found = await manager.streams.getMessage('DLQ', { last_by_subj: 'dlq.billing-tenant' });
      assert.equal(found?.header.get('ce-subject'), aggregate);
      assert.match(found!.header.get(deadHeader.reason), /no deliveries left/);
    }, patience);
  });

  it('parks a row that JetStream refuses, and publishes those behind it', async () => {
    const logged: string[] = [];
    const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: (_fields: object, text = '') => void logged.push(text) };
    const [poison, healthy] = [newId(), newId()];
    await db.query(
      `insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values ($1, 'namaskah.auth.v1.tenant.registered', $2, 1, '{}', $3)`,
      [newId(), poison, Buffer.alloc(2_000_000)],
    );
    await publish(healthy, 1);
    await own(startRelay({ db, bus, logger }));
    await eventually(async () => assert.equal(await unpublished(healthy), 0), patience);
    await eventually(async () => {
      const [row] = await db.query<{ parked: boolean; attempts: number; last_error: string }>(
        'select parked_at is not null as parked, attempts, last_error from outbox where aggregate_id = $1',
        [poison],
      );
      assert.equal(row!.parked, true);
      assert.equal(row!.attempts, 5);
      assert.match(row!.last_error, /payload/i);
    }, patience);
    assert.deepEqual(logged, ['outbox rows parked']);
  });

  const thirtyVersionsOfTen = async (): Promise<string[]> => {
    const aggregates = Array.from({ length: 10 }, newId);
    await db.transaction(async (tx) => {
      for (let version = 1; version <= 30; version++) for (const aggregate of aggregates) await captured(tx, aggregate, version);
    });
    return aggregates;
  };
  const oneToThirty = Array.from({ length: 30 }, (_, index) => index + 1);

  it('projects batches exactly once, in order, around a poisonous event', async () => {
    await own(startRelay({ db, bus }));
    const aggregates = await thirtyVersionsOfTen();
    const poison = newId();
    await publish(poison, 1);
    const sizes: number[] = [];
    let failOnce = true;
    await own(
      startBatchConsumer({
        db,
        bus,
        durable: 'analytics-auth',
        maxBatch: 100,
        maxWaitMs: 20,
        handle: async (tx, batch) => {
          const known = batch.filter((event) => aggregates.includes(event.aggregateId));
          for (const event of known) await recordEffect(tx, event);
          if (batch.some((event) => event.aggregateId === poison && event.deliveryCount < 3)) throw new Error('poison');
          if (failOnce && known.length > 50) {
            failOnce = false;
            throw new Error('once');
          }
          sizes.push(known.length);
        },
      }),
    );
    for (const aggregate of aggregates) {
      await eventually(async () => assert.equal((await versionsOf(aggregate)).length, 30), patience);
      assert.deepEqual(await versionsOf(aggregate), oneToThirty);
    }
    assert.ok(Math.max(...sizes) > 20, `batches: ${sizes.join(' ')}`);
    const manager = await bus.manager();
    await eventually(async () => assert.equal((await manager.consumers.info('AUTH', 'analytics-auth')).num_ack_pending, 0), patience);
  });

  it('keeps the outcomes of single events in a batch: dead at once, retry when asked, the others done once', async () => {
    await own(startRelay({ db, bus }));
    const [good, bad, later] = [newId(), newId(), newId()];
    for (const aggregate of [good, bad, later]) await publish(aggregate, 1);
    const handler = on(events.auth.tenantRegistered, async (tx, event) => {
      if (event.aggregateId === bad) return dead({ cause: 'never' });
      if (event.aggregateId === later && event.deliveryCount < 3) return retry({ afterMs: 20, cause: 'not yet' });
      if (event.aggregateId === good || event.aggregateId === later) await recordEffect(tx, event);
      return done();
    });
    await own(startBatchConsumer({ db, bus, durable: 'analytics-auth', maxBatch: 100, maxWaitMs: 50, handle: inBatch([handler]) }));
    for (const aggregate of [good, later]) await eventually(async () => assert.deepEqual(await versionsOf(aggregate), [1]), patience);
    const manager = await bus.manager();
    const letter = await eventually(() => manager.streams.getMessage('DLQ', { last_by_subj: 'dlq.analytics-auth' }), patience);
    assert.deepEqual([letter?.header.get(deadHeader.deliveries), letter?.header.get('ce-subject')], ['1', bad]);
    assert.deepEqual(await versionsOf(bad), []);
  });

  it('takes what does not concern it out of the stream, without a trace in the inbox', async () => {
    await own(startRelay({ db, bus }));
    const [ours, theirs] = [newId(), newId()];
    for (const version of [1, 2]) for (const aggregate of [theirs, ours]) await publish(aggregate, version);
    await own(
      startBatchConsumer({
        ...{ db, bus, durable: 'analytics-auth', maxBatch: 100, maxWaitMs: 20 },
        concerns: async (batch) => new Set(batch.filter(({ aggregateId }) => aggregateId === ours)),
        handle: async (tx, batch) => {
          for (const event of batch) await recordEffect(tx, event);
        },
      }),
    );
    await eventually(async () => assert.deepEqual(await versionsOf(ours), [1, 2]), patience);
    const manager = await bus.manager();
    await eventually(async () => {
      const { num_pending, num_ack_pending } = await manager.consumers.info('AUTH', 'analytics-auth');
      assert.equal(num_pending + num_ack_pending, 0);
    }, patience);
    assert.deepEqual(await versionsOf(theirs), []);
    const left = await db.query(
      'select 1 from inbox i join outbox o on o.id = i.message_id where o.aggregate_id = $1 and i.consumer = $2',
      [theirs, 'analytics-auth'],
    );
    assert.equal(left.length, 0);
  });

  it('projects every event exactly once across a change of process in the middle', async () => {
    await own(startRelay({ db, bus }));
    const aggregates = await thirtyVersionsOfTen();
    const start = () =>
      startBatchConsumer({
        db,
        bus,
        durable: 'analytics-auth',
        maxBatch: 40,
        maxWaitMs: 5,
        handle: async (tx, batch) => {
          for (const event of batch) if (aggregates.includes(event.aggregateId)) await recordEffect(tx, event);
        },
      });
    const first = await start();
    await eventually(
      async () => assert.ok((await db.query('select 1 from effect where aggregate = any($1)', [aggregates])).length > 0),
      patience,
    );
    await first.close();
    await own(start());
    for (const aggregate of aggregates) {
      await eventually(async () => assert.ok((await versionsOf(aggregate)).length >= 30), patience);
      // As a set: what was given back may be overtaken, which is why projections compare versions.
      assert.deepEqual(
        (await versionsOf(aggregate)).toSorted((a, b) => a - b),
        oneToThirty,
      );
    }
  });

  it('gives unstarted events back at close, and loses none', async () => {
    await own(startRelay({ db, bus }));
    const aggregates = Array.from({ length: 60 }, newId);
    await db.transaction(async (tx) => {
      for (const aggregate of aggregates) await captured(tx, aggregate, 1);
    });
    const slow = await startConsumer({
      db,
      bus,
      durable: 'billing-tenant',
      concurrency: 2,
      handlers: [
        on(events.auth.tenantRegistered, async (tx, event) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return recording(tx, event as ReceivedEvent);
        }),
      ],
    });
    const handled = async () => (await db.query('select 1 from effect where aggregate = any($1)', [aggregates])).length;
    await eventually(async () => assert.ok((await handled()) >= 4), patience);
    await slow.close();
    const soFar = await handled();
    assert.ok(soFar < 60, `${soFar} of 60 were handled before the close returned`);
    await consume(recording);
    await eventually(async () => assert.equal(await handled(), 60), patience);
  });
});
