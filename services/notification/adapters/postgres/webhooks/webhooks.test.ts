/** Who is claimed when, and what a claim is worth. Time is an argument: nobody waits. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { createTestDatabase, eventually, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, dayMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import type { Claimed, Ending, Endpoints, WebhookDeliveries } from '../../../app/webhooks/ports.ts';
import { migrations } from '../migrations/index.ts';
import { entities } from '../rows.ts';
import { postgresWebhookDeliveries } from './deliveries.ts';
import { postgresEndpoints } from './endpoints.ts';
import { postgresFanOut } from './fan-out.ts';

const now = new Date('2026-03-01T12:00:00Z');
const lease = addMs(now, minuteMs);
const places = (free: number, forFailing = free) => ({ free, forFailing });
const bytes = (text: string): Uint8Array => Buffer.from(text);

const ending = (claimed: Claimed, overrides: Partial<Ending> = {}): Ending => ({
  ...{ status: 'delivered', nextAttemptAt: undefined, at: now, disable: undefined },
  attempt: { number: claimed.attempts, startedAt: now, latencyMs: 5, status: 200, error: '', answer: 'ok' },
  ...overrides,
});

describe('webhooks in PostgreSQL', () => {
  let database: TestDatabase;
  let db: Database;
  let endpoints: Endpoints;
  let deliveries: WebhookDeliveries;
  before(async () => {
    database = await createTestDatabase('notification', migrations);
    db = await openDatabase({ url: database.url, applicationName: 'test', poolMax: 8, entities });
    [endpoints, deliveries] = [postgresEndpoints(db), postgresWebhookDeliveries(db)];
  });
  after(async () => {
    await db?.close();
    await database?.close();
  });
  beforeEach(() => db.query('truncate webhook_endpoints, webhook_deliveries, webhook_attempts, deliveries'));

  const endpoint = async (tenantId: string): Promise<string> => {
    const id = newId();
    const row = { id, tenantId, url: 'https://example.com/token', description: '', eventTypes: ['*'], secret: bytes('sealed'), at: now };
    await endpoints.create(row, 100, { key: id, request: {} });
    return id;
  };
  const fill = async (tenantId: string, endpointId: string, count: number, at = now, complete = true): Promise<string[]> => {
    const event = { tenantId, type: 'spending.resumed', occurredAt: at, sequence: 1, data: {} };
    const rows = Array.from({ length: count }, () => ({
      ...{ id: newId(), endpointId, body: bytes('body'), complete },
      event: { ...event, eventId: newId() },
    }));
    await postgresFanOut(db).add(rows, at);
    return rows.map(({ id }) => id);
  };
  const failing = (id: string, since = now) => db.query('update webhook_endpoints set failing_since = $2 where id = $1', [id, since]);
  const by = (claimed: readonly Claimed[]): Record<string, number> =>
    Object.fromEntries([...Map.groupBy(claimed, ({ endpointId }) => endpointId)].map(([id, rows]) => [id, rows.length]));
  const find = async ({ tenantId, endpointId, id }: Claimed) => (await deliveries.find(tenantId, endpointId, id)) ?? assert.fail('gone');

  it('many workers at once take each delivery once, until the lease ends', async () => {
    const tenants = Array.from({ length: 6 }, newId);
    for (const tenantId of tenants) await fill(tenantId, await endpoint(tenantId), 3);
    const rounds = await Promise.all(Array.from({ length: 8 }, () => deliveries.claim(now, lease, places(64))));
    let claimed = rounds.flat();
    // Who found all endpoints locked by others looks again.
    claimed = [...claimed, ...(await deliveries.claim(now, lease, places(64)))];
    assert.equal(claimed.length, 18);
    assert.equal(new Set(claimed.map(({ id }) => id)).size, 18);
    assert.deepEqual(await deliveries.claim(addMs(lease, -1), addMs(lease, minuteMs), places(64)), []);
    const again = await deliveries.claim(lease, addMs(lease, minuteMs), places(64));
    assert.deepEqual(new Set(again.map(({ id }) => id)), new Set(claimed.map(({ id }) => id)));
    assert.ok(again.every(({ attempts, tries }) => attempts === 2 && tries === 2));
  });

  it('one endpoint has at most four in flight, one that fails a single one, and their oldest go first', async () => {
    const tenantId = newId();
    const [well, ill] = [await endpoint(tenantId), await endpoint(tenantId)];
    const older = await fill(tenantId, well, 2, addMs(now, -hourMs));
    await fill(tenantId, well, 10);
    await fill(tenantId, ill, 10);
    await failing(ill);
    const first = await deliveries.claim(now, lease, places(64));
    assert.deepEqual(by(first), { [well]: 4, [ill]: 1 });
    for (const id of older) assert.ok(first.some((each) => each.id === id));
    assert.deepEqual(await deliveries.claim(now, lease, places(64)), []);
    // What ends makes room.
    for (const each of first.filter(({ endpointId }) => endpointId === well).slice(0, 3)) await deliveries.end(each, ending(each));
    assert.deepEqual(by(await deliveries.claim(now, lease, places(64))), { [well]: 3 });
  });

  it('a tenant with a thousand waiting does not make another with one wait, nor do its many endpoints', async () => {
    const [big, small] = [newId(), newId()];
    for (let count = 0; count < 10; count++) await fill(big, await endpoint(big), 100, addMs(now, -hourMs));
    const lonely = await endpoint(small);
    await fill(small, lonely, 1);
    const first = await deliveries.claim(now, lease, places(8));
    assert.equal(by(first)[lonely], 1, 'in the very first look, with eight places');
    const taken = [...first];
    for (let count = 0; count < 10; count++) taken.push(...(await deliveries.claim(now, lease, places(64))));
    const ofBig = taken.filter(({ tenantId }) => tenantId === big).length;
    assert.ok(ofBig >= 16 && ofBig < 32, `${ofBig} in flight for one tenant`);
  });

  it('whoever has waited longest for a turn is next', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 6; count++) {
      const tenantId = newId();
      ids.push(await endpoint(tenantId));
      await fill(tenantId, ids[count] ?? '', 20);
    }
    const turns: string[][] = [];
    for (let count = 0; count < 3; count++) {
      const at = addMs(now, count * secondMs);
      const claimed = await deliveries.claim(at, addMs(at, minuteMs), places(8));
      turns.push(Object.keys(by(claimed)));
    }
    assert.ok(turns.every((turn) => turn.length === 2));
    assert.deepEqual(new Set(turns.flat()), new Set(ids));
  });

  it('endpoints that fail get no more places than are left for them', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 12; count++) {
      const tenantId = newId();
      const id = await endpoint(tenantId);
      ids.push(id);
      await fill(tenantId, id, 5, addMs(now, -hourMs));
      if (count < 10) await failing(id);
    }
    const claimed = await deliveries.claim(now, lease, places(64, 3));
    const counts = by(claimed);
    assert.equal(ids.slice(0, 10).filter((id) => counts[id] !== undefined).length, 3);
    for (const id of ids.slice(10)) assert.equal(counts[id], 4);
    const none = await deliveries.claim(now, lease, places(64, 0));
    assert.ok(none.every(({ endpointId }) => !ids.slice(0, 10).includes(endpointId)));
  });

  it('a full endpoint does not use up the turn of another', async () => {
    for (let count = 0; count < 20; count++) {
      const tenantId = newId();
      await fill(tenantId, await endpoint(tenantId), 50, addMs(now, -hourMs));
    }
    assert.equal((await deliveries.claim(now, lease, places(80))).length, 80);
    const tenantId = newId();
    const late = await endpoint(tenantId);
    await fill(tenantId, late, 1);
    assert.deepEqual(by(await deliveries.claim(now, lease, places(4))), { [late]: 1 });
  });

  it('who is switched off or deleted is not claimed, and what waits for it ends as failed', async () => {
    const tenantId = newId();
    const [off, gone, on] = [await endpoint(tenantId), await endpoint(tenantId), await endpoint(tenantId)];
    for (const id of [off, gone, on]) await fill(tenantId, id, 2);
    await endpoints.update(tenantId, off, { enabled: false }, 100, now);
    await endpoints.remove(tenantId, gone, now);
    assert.deepEqual(by(await deliveries.claim(now, lease, places(64))), { [on]: 2 });
    for (let touched = 1; touched > 0;) touched = await deliveries.sweep(addMs(now, -dayMs), now);
    const left = await db.query<{ endpoint_id: string; status: string }>('select endpoint_id, status from webhook_deliveries');
    assert.deepEqual(
      left.filter(({ endpoint_id: id }) => id === off).map((row) => row.status),
      ['failed', 'failed'],
    );
    assert.equal(left.filter(({ endpoint_id: id }) => id === gone).length, 0);
    assert.deepEqual(await db.query('select from webhook_endpoints where id = $1', [gone]), []);
  });

  it('a worker that lost its claim changes nothing, whatever it has to say', async () => {
    const tenantId = newId();
    const id = await endpoint(tenantId);
    await fill(tenantId, id, 1, now, false);
    const [slow] = await deliveries.claim(now, lease, places(4));
    const [quick] = await deliveries.claim(lease, addMs(lease, minuteMs), places(4));
    assert.ok(slow && quick && slow.id === quick.id);
    assert.equal(await deliveries.complete(slow, bytes('late')), false);
    assert.equal(await deliveries.complete(quick, bytes('in time')), true);
    await deliveries.postpone(slow, addMs(now, dayMs));
    await deliveries.end(slow, ending(slow, { status: 'failed', disable: undefined }));
    assert.equal((await find(quick)).status, 'pending');
    await deliveries.end(quick, ending(quick));
    await deliveries.end(quick, ending(quick, { status: 'failed' }));
    const row = await find(quick);
    assert.deepEqual([row.status, Buffer.from(row.body).toString()], ['delivered', 'in time']);
    const attempts = await deliveries.attempts(tenantId, slow.id);
    assert.deepEqual(
      attempts.map(({ number }) => number),
      [1, 2],
      'the late one is in the log all the same',
    );
  });

  it('what is put off counts no try and comes back when it is due', async () => {
    const tenantId = newId();
    const id = await endpoint(tenantId);
    await fill(tenantId, id, 1, now, false);
    const [claimed] = await deliveries.claim(now, lease, places(4));
    assert.ok(claimed && !claimed.complete);
    const later = addMs(now, 10 * secondMs);
    await deliveries.postpone(claimed, later);
    assert.deepEqual(await deliveries.claim(addMs(later, -1), lease, places(4)), []);
    const [again] = await deliveries.claim(later, lease, places(4));
    assert.equal(again?.tries, 1);
  });

  it('the first failure begins the count, a success ends it; "failing" needs that nothing succeeded meanwhile', async () => {
    const tenantId = newId();
    const id = await endpoint(tenantId);
    await fill(tenantId, id, 4);
    const [a, b, c, d] = await deliveries.claim(now, lease, places(4));
    assert.ok(a && b && c && d);
    const since = async () => (await endpoints.find(tenantId, id))?.failingSince;
    const failed = (each: Claimed, at: Date, disable?: 'failing') =>
      deliveries.end(each, ending(each, { status: 'pending', nextAttemptAt: addMs(at, hourMs), at, disable }));
    await failed(a, now);
    await failed(b, addMs(now, hourMs));
    assert.deepEqual(await since(), now, 'since the first');
    await deliveries.end(c, ending(c));
    assert.equal(await since(), undefined);
    // It was claimed while all failed; one succeeded since, so its own failure only begins a new count.
    assert.equal(await failed({ ...d, failingSince: now }, addMs(now, hourMs), 'failing'), false);
    assert.deepEqual(await since(), addMs(now, hourMs));
    await fill(tenantId, id, 1);
    const [e] = await deliveries.claim(now, lease, places(4));
    assert.ok(e);
    assert.equal(await failed(e, addMs(now, 7 * dayMs), 'failing'), true);
    assert.equal(await failed(e, addMs(now, 7 * dayMs), 'failing'), false, 'once');
    const mails = await db.query<{ facts: { host: string } }>('select facts from deliveries where tenant_id = $1', [tenantId]);
    assert.deepEqual(mails, [{ facts: { host: 'example.com', reason: 'failing' } }]);
    assert.deepEqual((await endpoints.find(tenantId, id))?.disabledReason, 'failing');
  });

  it('another address forgets the failures of the one before; the same address does not', async () => {
    const tenantId = newId();
    const id = await endpoint(tenantId);
    await failing(id);
    assert.deepEqual((await endpoints.update(tenantId, id, { url: 'https://example.com/token' }, 5, now))?.failingSince, now);
    assert.equal((await endpoints.update(tenantId, id, { url: 'https://example.org/' }, 5, now))?.failingSince, undefined);
  });

  it('an endpoint that is switched off makes room for another, but not without end', async () => {
    const tenantId = newId();
    const wish = () => ({
      id: newId(),
      tenantId,
      url: 'https://example.com/',
      description: '',
      eventTypes: ['*'],
      secret: bytes('s'),
      at: now,
    });
    const create = (limit: number) => endpoints.create(wish(), limit, { key: newId(), request: {} });
    const isRefused = (error: unknown) => isAppError(error, 'webhook.limit_reached');
    const { endpoint: first } = await create(1);
    await assert.rejects(create(1), isRefused);
    await endpoints.update(tenantId, first.id, { enabled: false }, 1, now);
    const { endpoint: second } = await create(1);
    await assert.rejects(endpoints.update(tenantId, first.id, { enabled: true }, 1, now), isRefused);
    await endpoints.remove(tenantId, second.id, now);
    assert.equal((await endpoints.update(tenantId, first.id, { enabled: true }, 1, now))?.enabled, true);
    await db.query(
      `insert into webhook_endpoints (id, tenant_id, url, description, event_types, enabled, disabled_reason, secret, served_at, created_at, updated_at)
       select gen_random_uuid(), $1, 'https://example.com/', '', '{*}', false, 'user', 's', $2, $2, $2 from generate_series(1, 99)`,
      [tenantId, now],
    );
    await assert.rejects(create(20), isRefused);
  });

  it('enabling, creating and a change of plan at once end within the limit, and none waits for another for ever', async () => {
    const tenantId = newId();
    const ids: string[] = [];
    for (let count = 0; count < 6; count++) ids.push(await endpoint(tenantId));
    for (let round = 0; round < 5; round++) {
      await Promise.allSettled([
        ...ids.map((id) => endpoints.update(tenantId, id, { enabled: round % 2 === 0 }, 5, now)),
        ...[3, 5].map((limit) => db.transaction((tx) => postgresFanOut(tx).fit(tenantId, limit, now))),
      ]);
      await db.transaction((tx) => postgresFanOut(tx).fit(tenantId, 5, now));
      const [row] = await db.query<{ count: bigint }>('select count(*) from webhook_endpoints where tenant_id = $1 and enabled', [
        tenantId,
      ]);
      assert.ok(Number(row?.count) <= 5, String(row?.count));
    }
  });

  it('an event that comes twice is one delivery', async () => {
    const tenantId = newId();
    const endpointId = await endpoint(tenantId);
    const event = { eventId: newId(), tenantId, type: 'spending.resumed', occurredAt: now, sequence: 1, data: {} };
    const row = () => ({ id: newId(), endpointId, event, body: bytes('b'), complete: true });
    await postgresFanOut(db).add([row()], now);
    await postgresFanOut(db).add([row(), row()], now);
    assert.equal((await db.query('select from webhook_deliveries')).length, 1);
  });

  it('a replay takes what ended in the range, of the types and outcome asked for, and refuses more than it may', async () => {
    const tenantId = newId();
    const endpointId = await endpoint(tenantId);
    const early = await fill(tenantId, endpointId, 2, addMs(now, -2 * hourMs));
    await fill(tenantId, endpointId, 2, addMs(now, -hourMs));
    await fill(tenantId, endpointId, 1, now);
    const done = [...(await deliveries.claim(now, lease, places(4)))];
    for (const each of done) await deliveries.end(each, ending(each, early.includes(each.id) ? { status: 'failed' } : {}));
    const range = { from: addMs(now, -3 * hourMs), to: addMs(now, dayMs), eventTypes: [], status: undefined } as const;
    await assert.rejects(deliveries.replay(tenantId, endpointId, range, now, 3), (error) => isAppError(error, 'request.invalid'));
    assert.equal((await db.query(`select from webhook_deliveries where status = 'pending'`)).length, 1, 'refused as a whole');
    assert.equal(await deliveries.replay(newId(), endpointId, range, now, 10), 0, 'another tenant');
    assert.equal(await deliveries.replay(tenantId, endpointId, { ...range, eventTypes: ['payment.failed'] }, now, 10), 0);
    assert.equal(await deliveries.replay(tenantId, endpointId, { ...range, status: 'failed' }, now, 10), 2);
    assert.equal(await deliveries.replay(tenantId, endpointId, { ...range, to: addMs(now, -hourMs) }, now, 10), 0, 'they wait already');
    assert.equal(await deliveries.replay(tenantId, endpointId, range, now, 10), 2);
    const again = await deliveries.claim(now, lease, places(4));
    assert.deepEqual([again.length, new Set(again.map(({ tries }) => tries))], [4, new Set([1])]);
  });

  it('what happens now does not wait behind a replay', async () => {
    const tenantId = newId();
    const endpointId = await endpoint(tenantId);
    await fill(tenantId, endpointId, 50, addMs(now, -hourMs));
    await db.query(`update webhook_deliveries set status = 'delivered', next_attempt_at = null, ended_at = $1`, [now]);
    const range = { from: addMs(now, -dayMs), to: now, eventTypes: [], status: undefined };
    assert.equal(await deliveries.replay(tenantId, endpointId, range, addMs(now, -minuteMs), 100), 50);
    const fresh = await fill(tenantId, endpointId, 3);
    const claimed = (await deliveries.claim(now, lease, places(64))).map(({ id }) => id);
    assert.equal(claimed.length, 4, 'the place that is left is for the replay');
    for (const id of fresh) assert.ok(claimed.includes(id));
  });

  it('ended deliveries go after their time with their attempts; those that wait stay', async () => {
    const tenantId = newId();
    const id = await endpoint(tenantId);
    await fill(tenantId, id, 6);
    for (const each of await deliveries.claim(now, lease, places(4))) await deliveries.end(each, ending(each));
    assert.ok((await deliveries.sweep(addMs(now, 1), addMs(now, dayMs))) > 0);
    assert.equal((await db.query('select from webhook_deliveries')).length, 2);
    assert.equal((await db.query('select from webhook_attempts')).length, 0);
  });

  it('the gauge tells how long the oldest has been due, and forgets who is switched off', async () => {
    const tenantId = newId();
    const id = await endpoint(tenantId);
    assert.equal(await deliveries.oldestDueSeconds(now), 0);
    await fill(tenantId, id, 1, addMs(now, -90 * secondMs));
    assert.equal(await deliveries.oldestDueSeconds(now), 90);
    await endpoints.update(tenantId, id, { enabled: false }, 5, now);
    assert.equal(await deliveries.oldestDueSeconds(now), 0);
  });

  it('a look reads what is due, not what is stored: many ended and many in a pause cost nothing', async () => {
    const tenantId = newId();
    const id = await endpoint(tenantId);
    for (let count = 0; count < 10; count++) {
      const other = newId();
      await db.query(
        `insert into webhook_deliveries (id, tenant_id, endpoint_id, event_id, event_type, body, complete, status, next_attempt_at, created_at, ended_at)
         select gen_random_uuid(), $1, $2, gen_random_uuid(), 'x', 'x', true, case when n % 4 = 0 then 'pending' else 'delivered' end,
           case when n % 4 = 0 then $3::timestamptz + interval '1 hour' end, $3, case when n % 4 <> 0 then $3::timestamptz end
         from generate_series(1, 1000) n`,
        [other, await endpoint(other), now],
      );
    }
    await fill(tenantId, id, 1);
    await db.query('analyze webhook_deliveries, webhook_endpoints');
    // PostgreSQL counts what each connection has read, and tells it when the connection is closed.
    const entriesRead = async (): Promise<number> => {
      const [row] = await db.query<{ read: bigint }>(
        `select (select seq_tup_read from pg_stat_user_tables where relname = 'webhook_deliveries')
          + (select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname = 'webhook_deliveries') as read`,
      );
      return Number(row?.read ?? 0n);
    };
    const before = await entriesRead();
    const single = await openDatabase({ url: database.url, applicationName: 'claims', poolMax: 1, entities });
    assert.equal((await postgresWebhookDeliveries(single).claim(now, lease, places(4))).length, 1);
    await single.close();
    const read = await eventually(
      async () => {
        const entries = (await entriesRead()) - before;
        assert.ok(entries > 0);
        return entries;
      },
      { timeoutMs: 20_000 },
    );
    assert.ok(read < 500, `${read} entries were read`);
  });
});
