import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, eventually, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, hourMs } from '#platform/time/index.ts';
import { emptyWallet } from '../../../domain/ledger.ts';
import { booksContract, capturing, granting, placing, releasing, start } from '../../../testing/ledger/books.contract.ts';
import { commandsOf, steps, timeOf } from '../../../testing/ledger/model.ts';
import { openBooks, postgresBooks } from '../../../testing/ledger/postgres-books.ts';
import { postgresAudit } from './audit.ts';
import { executeLedger, placeCommand } from './execute.ts';
import { migrations } from '../migrations/index.ts';

let database: TestDatabase;
/** Two services on one database. */
let one: Database;
let two: Database;

before(async () => {
  database = await createTestDatabase('billing', migrations);
  [one, two] = await Promise.all([openBooks(database.url), openBooks(database.url)]);
});
after(async () => {
  await Promise.all([one?.close(), two?.close()]);
  await database?.close();
});

const booksAgree = async (): Promise<void> => assert.equal(await postgresAudit(one).firstDivergence(), undefined);
const count = <T>(values: readonly T[], wanted: T): number => values.filter((value) => value === wanted).length;

booksContract('postgres', () => postgresBooks(one));
test('after the contract suite the books agree', booksAgree);

test('1,000 concurrent holds of 1 against a credit of 100 from two replicas: exactly 100 are placed', async () => {
  const tenantId = newId();
  await postgresBooks(one).grant(granting(tenantId, 100n));
  const results = await Promise.all(
    Array.from({ length: 1_000 }, (_, at) =>
      postgresBooks(at % 2 === 0 ? one : two)
        .place(placing(tenantId, 1n))
        .then(({ outcome }) => outcome),
    ),
  );
  assert.equal(count(results, 'done'), 100);
  assert.equal(count(results, 'insufficient_credit'), 900);
  assert.deepEqual(await postgresBooks(one).wallet(tenantId), {
    ...emptyWallet,
    balanceMicros: 100n,
    heldMicros: 100n,
    promotionalMicros: 100n,
  });
  await booksAgree();
});

test('k concurrent duplicates of each command have one effect, whichever replica they reach', async () => {
  const tenantId = newId();
  const duplicates = async (run: (books: ReturnType<typeof postgresBooks>) => Promise<{ outcome: string }>): Promise<string[]> =>
    Promise.all(Array.from({ length: 24 }, async (_, at) => (await run(postgresBooks(at % 2 === 0 ? one : two))).outcome));
  const grant = granting(tenantId, 100n);
  const place = placing(tenantId, 100n);
  for (const outcomes of [
    await duplicates((books) => books.grant({ ...grant, transferId: newId() })),
    // The whole credit: a twin that came second must not be told that there is too little of it.
    await duplicates((books) => books.place({ ...place, holdId: newId() })),
  ]) {
    assert.equal(count(outcomes, 'done'), 1);
    assert.equal(count(outcomes, 'replayed'), 23);
  }
  const [hold] = await one.query<{ id: string }>('select id from holds where tenant_id = $1', [tenantId]);
  const capture = capturing(tenantId, hold?.id ?? '', 30n, false);
  const release = releasing(tenantId, hold?.id ?? '');
  for (const outcomes of [await duplicates((books) => books.capture(capture)), await duplicates((books) => books.release(release))]) {
    assert.equal(count(outcomes, 'done'), 1);
    assert.equal(count(outcomes, 'replayed'), 23);
  }
  assert.deepEqual(await postgresBooks(two).wallet(tenantId), {
    ...emptyWallet,
    balanceMicros: 70n,
    heldMicros: 0n,
    promotionalMicros: 70n,
  });
  await booksAgree();
});

test('one key used for two holds at the same moment captures one of them and is a conflict for the other', async () => {
  const tenantId = newId();
  const books = [postgresBooks(one), postgresBooks(two)] as const;
  await books[0].grant(granting(tenantId, 100n));
  for (let round = 0; round < 20; round++) {
    const holds = [placing(tenantId, 1n), placing(tenantId, 1n)] as const;
    for (const hold of holds) await books[0].place(hold);
    const key = newId();
    const results = await Promise.all(holds.map((hold, at) => books[at as 0 | 1].capture(capturing(tenantId, hold.holdId, 1n, true, key))));
    assert.deepEqual(results.map(({ outcome }) => outcome).toSorted(), ['done', 'idempotency_conflict']);
  }
  await booksAgree();
});

test('a wallet that is opened while a batch waits for another wallet is not spent twice', async () => {
  const [busy, fresh] = [newId(), newId()];
  const books = [postgresBooks(one), postgresBooks(two)] as const;
  await books[0].grant(granting(busy, 1n));
  const somebodyWaits = async (): Promise<boolean> =>
    (await two.query(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length > 0;
  const blocker = await one.connectDedicated();
  const other = await two.connectDedicated();
  try {
    await blocker.query('begin');
    await blocker.query('select 1 from accounts where tenant_id = $1 for update', [busy]);
    const batch = Promise.all([books[0].place(placing(busy, 1n)), books[0].place(placing(fresh, 100n))]);
    let isThrough = false;
    void batch.then(() => (isThrough = true));
    await eventually(async () => assert.ok(await somebodyWaits()));
    await books[1].grant(granting(fresh, 100n));
    await other.query('begin');
    const [elsewhere] = await executeLedger(other, [placeCommand(placing(fresh, 100n))]);
    await blocker.query('commit');
    // If it reads the wallet that it has not locked, it has done so before the others' hold is committed.
    await eventually(async () => assert.ok(isThrough || (await somebodyWaits())));
    await other.query('commit');
    assert.equal(elsewhere?.outcome, 'done');
    assert.deepEqual(
      (await batch).map(({ outcome }) => outcome),
      ['done', 'insufficient_credit'],
    );
  } finally {
    await Promise.all([blocker.close(), other.close()]);
  }
  assert.equal((await books[0].wallet(fresh))?.heldMicros, 100n);
  await booksAgree();
});

test('two sweepers expire every due hold once, while captures run against them', async () => {
  const tenants = Array.from({ length: 10 }, newId);
  const books = [postgresBooks(one), postgresBooks(two)] as const;
  const holds: { tenantId: string; holdId: string }[] = [];
  for (const tenantId of tenants) {
    await books[0].grant(granting(tenantId, 100n));
    for (let each = 0; each < 20; each++) {
      const place = placing(tenantId, 5n, { expiresAt: addMs(start, 10) });
      await books[0].place(place);
      holds.push(place);
    }
  }
  const sweep = async (at: 0 | 1): Promise<number> => {
    let total = 0;
    for (let batch = 0; batch < 60; batch++) total += await books[at].expireDue(addMs(start, 10), 7);
    return total;
  };
  const captures = Promise.all(
    holds
      .filter((_, at) => at % 3 === 0)
      .map(({ tenantId, holdId }) => books[0].capture(capturing(tenantId, holdId, 5n)).then(({ outcome }) => outcome)),
  );
  const [first, second, captured] = await Promise.all([sweep(0), sweep(1), captures]);
  assert.equal(first + second + count(captured, 'done'), holds.length);
  assert.equal(count(captured, 'done') + count(captured, 'hold_expired'), captured.length);
  const [events] = await one.query<{ n: bigint }>(
    `select count(distinct aggregate_id) as n from outbox where subject like '%hold.expired' and aggregate_id = any($1)`,
    [holds.map(({ holdId }) => holdId)],
  );
  assert.equal(Number(events?.n), first + second);
  await booksAgree();
});

test('random traffic from two replicas on few accounts neither deadlocks nor breaks a law', { timeout: 60_000 }, async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
  t.diagnostic(`seed ${seed}`);
  const tenants = Array.from({ length: 3 }, newId);
  const lists = fc.sample(steps, { seed, numRuns: 6 });
  const results = await Promise.allSettled(
    lists.flatMap((chosen, at) => {
      const books = postgresBooks(at % 2 === 0 ? one : two);
      return commandsOf(tenants[at % 3] ?? '', chosen).map(({ run }, position) => run(books, timeOf(position)));
    }),
  );
  assert.deepEqual(
    results.filter(({ status }) => status === 'rejected'),
    [],
  );
  await booksAgree();
});

test('the database itself refuses to rewrite the books', async () => {
  const tenantId = newId();
  const books = postgresBooks(one);
  await books.grant(granting(tenantId, 10n));
  const place = placing(tenantId, 10n);
  await books.place(place);
  await books.capture(capturing(tenantId, place.holdId, 10n));
  for (const forbidden of [
    'update transfers set amount_micros = 1',
    'delete from transfers',
    'truncate transfers',
    'update entries set amount_micros = 1',
    'delete from entries',
    'delete from hold_operations',
    'delete from grants',
    'update grant_entries set amount_micros = 1',
    'update grants set remaining_micros = amount_micros + 1, open = true',
    `update accounts set promotional_micros = balance_micros + 1 where tenant_id = '${tenantId}'`,
    'delete from holds',
    `update holds set captured_micros = 0 where id = '${place.holdId}'`,
    `update accounts set held_micros = balance_micros + 1 where tenant_id = '${tenantId}'`,
    `update accounts set balance_micros = 1 where kind = 'revenue'`,
  ]) {
    await assert.rejects(one.query(forbidden), (error: { code?: string }) => ['23001', '23514'].includes(error.code ?? ''), forbidden);
  }
  await booksAgree();
});

test('the events of a hold carry its amounts, rising versions and the whole of the envelope', async () => {
  const tenantId = newId();
  const books = postgresBooks(one);
  await books.grant(granting(tenantId, 100n));
  const place = placing(tenantId, 50n, { product: 'campaign', reference: 'cmp-1' });
  await books.place(place);
  await books.capture(capturing(tenantId, place.holdId, 10n, false));
  await books.collect({ tenantId, holdId: place.holdId, upToMicros: 30n, final: true, now: start });
  const rows = await one.query<{ subject: string; payload: Buffer; headers: Record<string, string>; aggregate_version: bigint }>(
    'select subject, payload, headers, aggregate_version from outbox where aggregate_id = $1 order by seq',
    [place.holdId],
  );
  const about = { holdId: place.holdId, product: 'campaign', reference: 'cmp-1' };
  const usd = (micros: string) => ({ currency: 'USD', micros });
  assert.deepEqual(
    rows.map(({ subject, payload }) => [subject.split('.').at(-1), JSON.parse(payload.toString())]),
    [
      ['captured', { ...about, amount: usd('10'), capturedTotal: usd('10') }],
      ['captured', { ...about, amount: usd('20'), capturedTotal: usd('30') }],
      ['released', { ...about, amount: usd('20') }],
    ],
  );
  for (const row of rows) assert.equal(row.headers['namaskah-tenant'], tenantId);
  const versions = rows.map(({ aggregate_version }) => aggregate_version);
  assert.deepEqual(
    versions,
    [...new Set(versions)].toSorted((a, b) => Number(a - b)),
  );
});

test('the audit finds each kind of planted divergence', async () => {
  const planted = [
    ['balance', `update accounts set balance_micros = balance_micros + 1 where kind = 'wallet'`],
    ['held', `update accounts set held_micros = held_micros + 1, balance_micros = balance_micros where tenant_id = $1`],
    ['entries', `delete from entries where account_sequence is null`],
    ['running', `update entries set balance_after_micros = balance_after_micros + 1`],
    ['captured', `update holds set captured_micros = captured_micros - 1 where captured_micros > 0`],
    ['parts', `update accounts set promotional_micros = 0 where promotional_micros > 0`],
    ['grant', `update grants set remaining_micros = remaining_micros - 1, amount_micros = amount_micros - 1 where remaining_micros > 1`],
    ['origin', `update grant_entries set transfer_id = gen_random_uuid() where amount_micros < 0`],
    [
      'payment',
      `insert into payments (id, tenant_id, gateway, amount_micros, currency, status, idempotency_key, request_hash, next_check_at, created_at, settled_at)
                 values (gen_random_uuid(), $1, 'simulator', 5, 'USD', 'succeeded', 'k', '', now(), now(), now())`,
    ],
  ] as const;
  const copy = await createTestDatabase('billing', migrations);
  const db = await openBooks(copy.url, 2);
  try {
    const tenantId = newId();
    const books = postgresBooks(db);
    await books.grant(granting(tenantId, 100n));
    const [a, b] = [placing(tenantId, 10n), placing(tenantId, 10n, { expiresAt: addMs(start, hourMs) })];
    for (const place of [a, b]) await books.place(place);
    await books.capture(capturing(tenantId, a.holdId, 10n));
    assert.equal(await postgresAudit(db).firstDivergence(), undefined);
    for (const [name, sql] of planted) {
      const rollback = new Error('undo');
      await assert.rejects(
        db.transaction(async (tx) => {
          await tx.query(`set local session_replication_role = 'replica'`);
          await tx.query(sql, sql.includes('$1') ? [tenantId] : []);
          const inside = { ...db, transaction: <T>(work: (inner: typeof tx) => Promise<T>) => work(tx) };
          const found = await postgresAudit(inside as Database).firstDivergence();
          assert.ok(found !== undefined, `${name} was not noticed`);
          throw rollback;
        }),
        rollback,
      );
    }
  } finally {
    await db.close();
    await copy.close();
  }
});
