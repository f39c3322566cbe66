import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, hourMs, minuteMs } from '#platform/time/index.ts';
import type { VerificationStore } from '../../app/ports.ts';
import type { Verification } from '../../domain/verification.ts';
import { outboxRowOf } from '../nats/events.ts';
import { migrations } from './migrations/index.ts';
import { entities } from './rows.ts';
import { laxRules } from '../../testing/policy/rules.ts';
import { createVerificationStore } from './store.ts';

const at = new Date('2026-11-21T08:00:00Z');
let database: TestDatabase;
let db: Database;
let store: VerificationStore;

before(async () => {
  database = await createTestDatabase('verification', migrations);
  db = await openDatabase({ url: database.url, applicationName: 'store-test', poolMax: 4, statementTimeoutMs: 5_000, entities });
  store = createVerificationStore({ db, rules: laxRules, outboxRowOf: outboxRowOf(() => at), now: () => at });
});
after(async () => {
  await db?.close();
  await database?.close();
});

const reserving = (tenantId: string): Verification => ({
  ...{ id: newId(), tenantId, idempotencyKey: newId(), requestHash: 'telegram|ID', state: 'reserving', version: 1 },
  ...{
    service: 'telegram',
    country: 'ID',
    capability: 'sms',
    currency: 'USD',
    priceMicros: 450_000n,
    quoteId: undefined,
    fromHoldId: undefined,
    route: undefined,
    actor: 'user:u',
    operator: '',
    areaCode: '',
    provider: 'handler-api',
  },
  ...{ activationId: undefined, providerCostMicros: undefined, phoneNumber: undefined, holdId: undefined, sealedCode: undefined },
  ...{ reason: undefined, createdAt: at, purchaseDeadline: addMs(at, minuteMs), expiresAt: undefined, receivedAt: undefined },
  ...{ endedAt: undefined, dueAt: addMs(at, minuteMs), attempts: 0 },
  ...{ retryOf: undefined, cancellableAt: undefined, reportReason: undefined, codes: 0, another: undefined },
});

const granted = (from: Verification, activationId: string): Verification => ({
  ...from,
  ...{ state: 'waiting', version: from.version + 1, activationId, phoneNumber: '+6281234567890', providerCostMicros: 1n, holdId: newId() },
  expiresAt: addMs(at, 20 * minuteMs),
});

const grant = (from: Verification, activationId: string, number: Buffer = randomBytes(32)) => {
  const to = granted(from, activationId);
  return store.grant(from, to, { event: { kind: 'purchased', verification: to }, number });
};

const eventsOf = async (verifications: readonly Verification[]): Promise<string[]> => {
  const rows = await db.query<{ aggregate_id: string }>('select aggregate_id from outbox where aggregate_id = any($1::text[])', [
    verifications.map(({ id }) => id),
  ]);
  return rows.map(({ aggregate_id }) => aggregate_id).toSorted();
};

/** Called in one turn, so that all but the first travel in batches. */
const reserveAll = async (count: number): Promise<Verification[]> => {
  const rows = Array.from({ length: count }, () => reserving(newId()));
  assert.deepEqual(
    await Promise.all(rows.map((row) => store.reserve(row, 'open'))),
    rows.map(() => ({ kind: 'written' })),
  );
  return rows;
};

test('of reservations with one key, side by side, one is written and the others get it', async () => {
  const first = reserving(newId());
  const twins = [first, ...Array.from({ length: 9 }, () => ({ ...first, id: newId() }))];
  const stranger = { ...reserving(newId()), idempotencyKey: first.idempotencyKey };
  const answers = await Promise.all([...twins, stranger].map((row) => store.reserve(row, 'open')));
  assert.deepEqual(answers.at(-1), { kind: 'written' }, "another tenant's key is another key");
  const winners = twins.filter((_twin, index) => answers[index]?.kind === 'written');
  assert.equal(winners.length, 1);
  for (const answer of answers) assert.ok(answer.kind === 'written' || (answer.kind === 'known' && answer.earlier.id === winners[0]?.id));
});

test('many outcomes side by side: each row moves, each with one event', async () => {
  const rows = await reserveAll(40);
  const outcomes = await Promise.all(rows.map((row) => grant(row, newId())));
  assert.deepEqual(new Set(outcomes), new Set(['saved']));
  assert.deepEqual(await eventsOf(rows), rows.map(({ id }) => id).toSorted());
});

test('of outcomes from one version, side by side, one holds; its event is the only one', async () => {
  const rows = await reserveAll(3);
  const outcomes = await Promise.all(rows.flatMap((row) => Array.from({ length: 5 }, () => grant(row, newId()))));
  for (const index of rows.keys()) {
    const own = outcomes.slice(index * 5, index * 5 + 5).toSorted();
    assert.deepEqual(own, ['lost', 'lost', 'lost', 'lost', 'saved']);
  }
  assert.deepEqual(await eventsOf(rows), rows.map(({ id }) => id).toSorted());
});

test('a number that is taken already spoils only the purchase that claims it', async () => {
  const rows = await reserveAll(12);
  const [owner, ...others] = rows;
  assert.ok(owner);
  const taken = newId();
  assert.equal(await grant(owner, taken), 'saved');
  const outcomes = await Promise.all(others.map((row, index) => grant(row, index === 5 ? taken : newId())));
  assert.deepEqual(
    outcomes,
    others.map((_row, index) => (index === 5 ? 'claimed' : 'saved')),
  );
  assert.equal((await eventsOf(others)).includes(others[5]?.id ?? ''), false);
});

test('of grants of one number, side by side, one is kept for each service; the others change nothing', async () => {
  const rows = await reserveAll(6);
  const elsewhere = { ...reserving(newId()), service: 'whatsapp' };
  await store.reserve(elsewhere, 'open');
  const number = randomBytes(32);
  const all = [...rows, elsewhere];
  const outcomes = await Promise.all(all.map((row) => grant(row, newId(), number)));
  assert.equal(outcomes.at(-1), 'saved', 'for another service it is fresh');
  assert.deepEqual(outcomes.slice(0, -1).toSorted(), ['saved', ...rows.slice(1).map(() => 'unleased')]);
  const kept = all.filter((_row, index) => outcomes[index] === 'saved');
  assert.deepEqual(await eventsOf(all), kept.map(({ id }) => id).toSorted());
  for (const row of rows) {
    const present = (await store.find(row.tenantId, row.id)) ?? assert.fail();
    assert.deepEqual([present.state, present.version], kept.includes(row) ? ['waiting', 2] : ['reserving', 1]);
  }
  assert.equal(await grant(kept[0] ?? assert.fail(), newId(), number), 'lost', 'it has its number');
});

test('a grant writes what a change of every column would, and its history', async () => {
  const [row] = await reserveAll(1);
  assert.ok(row);
  const to: Verification = { ...granted(row, newId()), dueAt: addMs(at, 10_000), cancellableAt: addMs(at, minuteMs), attempts: 0 };
  assert.equal(await store.grant(row, to, { event: { kind: 'purchased', verification: to }, number: randomBytes(32) }), 'saved');
  assert.deepEqual(await store.find(row.tenantId, row.id), to);
  assert.deepEqual((await store.changes(row.tenantId, row.id))?.at(-1), { version: 2, state: 'waiting', event: 'purchased', at });
});

test('a grant to a purchase that has moved on leases nothing; neither does one of a banned number', async () => {
  const [gone, banned, other] = await reserveAll(3);
  assert.ok(gone && banned && other);
  const [number, forbidden] = [randomBytes(32), randomBytes(32)];
  await db.query(
    `insert into number_bans (number_hash, service, id, until, origin, reason, set_by, set_at)
     values ($1, '*', $2, $3, 'operator', 'tests', 'user:operator', $4)`,
    [forbidden, newId(), addMs(at, minuteMs), at],
  );
  const outcomes = await Promise.all([grant({ ...gone, version: 7 }, newId(), number), grant(banned, newId(), forbidden)]);
  assert.deepEqual(outcomes, ['lost', 'unleased']);
  const leases = await db.query('select 1 from number_leases where number_hash = any($1::bytea[])', [[number, forbidden]]);
  assert.equal(leases.length, 0);
  assert.equal(await grant(other, newId(), number), 'saved');
});

test("another tenant's row does not move", async () => {
  const rows = await reserveAll(4);
  const outcomes = await Promise.all(rows.map((row) => grant({ ...row, tenantId: newId() }, newId())));
  assert.deepEqual(new Set(outcomes), new Set(['lost']));
  assert.deepEqual(await eventsOf(rows), []);
});

const received = (from: Verification): Verification => ({
  ...from,
  ...{ state: 'received', version: from.version + 1, sealedCode: Buffer.from(from.id), receivedAt: at },
});

const messageOf = (v: Verification) => ({
  ...{ id: newId(), sealed: Buffer.from(`sealed ${v.id}`), fingerprint: Buffer.from(newId()), receivedAt: at, hidden: false },
});

test('codes side by side: each verification gets one code, message and event, all of the same attempt', async () => {
  const rows = await reserveAll(20);
  const others = await reserveAll(2);
  const waiting = rows.map((row) => granted(row, newId()));
  await Promise.all(rows.map((row, index) => store.save(row, waiting[index] ?? assert.fail())));
  // The first five hear of their code twice, from a push and from a poll.
  const attempts = [...waiting, ...waiting.slice(0, 5)].map((from) => ({ from, to: received(from), message: messageOf(from) }));
  const outcomes = await Promise.all([
    ...attempts.map(({ from, to, message }) =>
      store.save(from, to, { event: { kind: 'codeReceived', verification: to, latencyMs: 5, charge: undefined }, message }),
    ),
    // Changes without event and message travel in the same batch.
    ...others.map((row) => store.save(row, { ...row, state: 'failed', version: 2, reason: 'no_numbers', endedAt: at })),
  ]);
  assert.deepEqual(outcomes.slice(attempts.length), ['saved', 'saved']);
  for (const { id, tenantId } of waiting) {
    const winners = attempts.filter((attempt, index) => attempt.from.id === id && outcomes[index] === 'saved');
    assert.equal(winners.length, 1);
    const kept = await store.messages(tenantId, id);
    assert.deepEqual(
      kept.map((message) => [message.id, Buffer.from(message.sealed).toString()]),
      winners.map(({ message }) => [message.id, `sealed ${id}`]),
    );
    assert.equal(Buffer.from((await store.find(tenantId, id))?.sealedCode ?? []).toString(), id);
  }
  assert.deepEqual(await eventsOf(waiting), waiting.map(({ id }) => id).toSorted());
});

test('activations looked up side by side are each their own; unknown ones and those of another provider are nobody', async () => {
  const rows = await reserveAll(12);
  const activations = rows.map(() => newId());
  await Promise.all(rows.map((row, index) => grant(row, activations[index] ?? '')));
  const strangers = [store.findByActivation('handler-api', newId()), store.findByActivation('another', activations[0] ?? '')];
  const twice = [...activations, ...activations].map((activation) => store.findByActivation('handler-api', activation));
  assert.deepEqual(
    (await Promise.all(twice)).map((found) => found?.id),
    [...rows, ...rows].map(({ id }) => id),
  );
  assert.deepEqual(await Promise.all(strangers), [undefined, undefined]);
});

test('states read side by side are each their own, with their messages; those of another tenant are nobody', async () => {
  const rows = await reserveAll(12);
  const waiting = rows.map((row) => granted(row, newId()));
  await Promise.all(rows.map((row, index) => store.save(row, waiting[index] ?? assert.fail())));
  // Every second one has a code; the first has a hidden message beside it.
  const withCode = waiting.filter((_, index) => index % 2 === 0);
  await Promise.all(
    withCode.map((from) => {
      const to = received(from);
      return store.save(from, to, {
        event: { kind: 'codeReceived', verification: to, latencyMs: 5, charge: undefined },
        message: messageOf(from),
      });
    }),
  );
  const [first] = withCode;
  assert.ok(first);
  await store.keepHidden(received(first), { ...messageOf(first), hidden: true });
  const strangers = rows.map(({ id }) => store.find(newId(), id));
  const read = [...rows, ...rows].map(({ tenantId, id }) => Promise.all([store.find(tenantId, id), store.messages(tenantId, id)]));
  const alone: Awaited<(typeof read)[number]>[] = [];
  for (const { tenantId, id } of rows) alone.push([await store.find(tenantId, id), await store.messages(tenantId, id)]);
  const plain = (all: typeof alone) =>
    all.map(([found, kept]) => [found, kept.map(({ id, sealed, receivedAt, hidden }) => ({ id, sealed, receivedAt, hidden }))]);
  assert.deepEqual(plain(await Promise.all(read)), plain([...alone, ...alone]));
  assert.deepEqual(
    alone.map(([found, kept]) => [found?.id, kept.length]),
    rows.map(({ id }, index) => [id, index % 2 === 0 ? 1 : 0]),
  );
  assert.deepEqual(new Set(await Promise.all(strangers)), new Set([undefined]));
});

test('a lease keeps other workers off until it ends; whoever lost it moves nothing', async () => {
  const dueAt = addMs(at, -minuteMs);
  const row = { ...reserving(newId()), dueAt };
  await store.reserve(row, 'open');
  const claim = async (now: Date, until: Date) => (await store.claimDue(now, until, 1_000, [hourMs])).find(({ id }) => id === row.id);

  const slow = await claim(at, addMs(at, minuteMs));
  assert.equal(slow?.attempts, 1);
  assert.equal(await claim(addMs(at, minuteMs - 1), addMs(at, 2 * minuteMs)), undefined);
  const heir = await claim(addMs(at, minuteMs), addMs(at, 2 * minuteMs));
  assert.equal(heir?.attempts, 2);

  await store.reschedule(slow, addMs(at, 90 * minuteMs));
  assert.deepEqual((await store.find(row.tenantId, row.id))?.dueAt, dueAt);
  await store.reschedule(heir, addMs(at, 3 * minuteMs));
  assert.equal(await claim(addMs(at, 2 * minuteMs), addMs(at, 4 * minuteMs)), undefined, 'not due yet');
  assert.equal((await claim(addMs(at, 3 * minuteMs), addMs(at, 4 * minuteMs)))?.attempts, 3, 'due, and the lease is gone');

  // A change of the row ends its lease too.
  const present = (await store.find(row.tenantId, row.id)) ?? assert.fail();
  const moved = { ...granted(present, newId()), attempts: 0, dueAt: addMs(at, 3 * minuteMs) };
  assert.equal(await store.save(present, moved, { event: { kind: 'purchased', verification: moved } }), 'saved');
  assert.equal((await claim(addMs(at, 3 * minuteMs), addMs(at, 4 * minuteMs)))?.state, 'waiting');
});

test('a number that waits is due again at its next look once it is claimed, at its end at the latest, and leased for what comes then', async () => {
  const purchase = reserving(newId());
  await store.reserve(purchase, 'open');
  const present = (await store.find(purchase.tenantId, purchase.id)) ?? assert.fail();
  const waiting = { ...granted(present, newId()), attempts: 0, dueAt: at, expiresAt: addMs(at, 10 * minuteMs) };
  assert.equal(await store.save(present, waiting, { event: { kind: 'purchased', verification: waiting } }), 'saved');
  const claim = async (minute: number) =>
    (await store.claimDue(addMs(at, minute * minuteMs), addMs(at, (minute + 1) * minuteMs), 1_000, [2 * minuteMs, 5 * minuteMs])).find(
      ({ id }) => id === purchase.id,
    );
  const looks: number[] = [];
  for (let minute = 0; minute < 10; minute++) if (await claim(minute)) looks.push(minute);
  assert.deepEqual(looks, [0, 2, 7]);
  assert.equal((await claim(10))?.attempts, 4, 'at its end');
  assert.equal(await claim(10), undefined, 'what is done then is done by one');
  assert.equal((await claim(11))?.attempts, 5, 'or by the next one, when nothing came of it');
});

test('lists by service and country find their rows inside one index', async () => {
  const [plan] = await db.transaction(async (tx) => {
    await tx.query('set local enable_seqscan = off');
    await tx.query('set local enable_sort = off');
    return tx.query<{ 'QUERY PLAN': [{ Plan: object }] }>(
      `explain (format json) select * from verifications
       where tenant_id = $1 and service = 'telegram' and country = 'ID' and id < $2 order by id desc limit 25`,
      [newId(), newId()],
    );
  });
  const text = JSON.stringify(plan);
  assert.match(text, /"Index Cond":"[^"]*service = [^"]*country = /);
  assert.match(text, /verifications_newest/);
});
