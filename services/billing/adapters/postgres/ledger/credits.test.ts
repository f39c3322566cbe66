/** `post_to_wallet` and its company, as other features call them: which credit a movement takes, and where money goes back to. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Database, migrate } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, hourMs } from '#platform/time/index.ts';
import { capturing, charging, granting, placing, refunding, start } from '../../../testing/ledger/books.contract.ts';
import { openBooks, postgresBooks } from '../../../testing/ledger/postgres-books.ts';
import { migrations } from '../migrations/index.ts';
import { postgresAudit } from './audit.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await createTestDatabase('billing', migrations);
  db = await openBooks(database.url);
});
after(async () => {
  await db?.close();
  await database?.close();
});

interface Posting {
  readonly tenantId: string;
  readonly delta: bigint;
  readonly type: string;
  readonly kind: string;
  readonly discriminator?: string;
  readonly hold?: string;
  readonly payment?: string;
  readonly now?: Date;
}
/** @returns the id of the transfer, or undefined when it was refused */
const post = async ({
  tenantId,
  delta,
  type,
  kind,
  discriminator = '',
  hold,
  payment,
  now = start,
}: Posting): Promise<string | undefined> => {
  const id = newId();
  const [row] = await db.query<{ done: boolean }>(
    `select post_to_wallet($1, $2, 'USD', $3, 0, $4, $5, $6, 'd', 'r', $7, $8, null, null, $9) as done`,
    [id, tenantId, delta, type, kind, discriminator, hold ?? null, payment ?? null, now],
  );
  return row?.done === true ? id : undefined;
};
/**
 * A payment as its feature records it, with its credit.
 * @returns id of the payment; the grant has that of the transfer
 */
const pay = async (tenantId: string, micros: bigint, now = start): Promise<{ payment: string; grant: string }> => {
  const payment = newId();
  const common = { tenantId, type: 'payment', kind: 'clearing', discriminator: 'simulator', payment, now };
  const grant = (await post({ ...common, delta: micros })) ?? assert.fail('a payment was refused');
  return { payment, grant };
};
const opened = async (): Promise<string> => {
  const tenantId = newId();
  await postgresBooks(db).open(tenantId, start);
  return tenantId;
};
const left = async (tenantId: string): Promise<Record<string, bigint>> => {
  const { grants } = await postgresBooks(db).grants(tenantId, { limit: 100, cursor: '' });
  return Object.fromEntries(grants.map(({ id, remainingMicros }) => [id, remainingMicros]));
};
const parts = async (tenantId: string): Promise<[bigint, bigint]> => {
  const wallet = await postgresBooks(db).wallet(tenantId);
  return [(wallet?.balanceMicros ?? 0n) - (wallet?.promotionalMicros ?? 0n), wallet?.promotionalMicros ?? 0n];
};
/** The ledger's laws. Payments here have no row of their feature, so the law about those, the last of them, finds the first of its own. */
const booksAgree = async (of: Database = db): Promise<void> => {
  const divergence = await postgresAudit(of).firstDivergence();
  assert.ok(
    [undefined, 'a payment is credited once, in full, to its own tenant, exactly when it succeeded'].includes(divergence?.law),
    divergence?.law,
  );
};

test('what was given is spent before what was paid for', async () => {
  const tenantId = await opened();
  await pay(tenantId, 100n);
  await postgresBooks(db).grant(granting(tenantId, 30n));
  assert.deepEqual(await parts(tenantId), [100n, 30n]);
  await postgresBooks(db).charge(charging(tenantId, 50n));
  assert.deepEqual(await parts(tenantId), [80n, 0n]);
  await booksAgree();
});

test('only paid and free credit leaves through a gateway, that of its own payment first; a refund that failed returns there', async () => {
  const tenantId = await opened();
  const first = await pay(tenantId, 100n);
  const second = await pay(tenantId, 100n, addMs(start, 1));
  await postgresBooks(db).grant(granting(tenantId, 500n));
  const out = { tenantId, type: 'payment_refund', kind: 'clearing', discriminator: 'simulator', payment: second.payment };
  assert.ok(await post({ ...out, delta: -130n }));
  assert.deepEqual([(await left(tenantId))[first.grant], (await left(tenantId))[second.grant]], [70n, 0n]);
  assert.equal(await post({ ...out, delta: -71n }), undefined, 'the rest was given, not paid');
  assert.ok(await post({ ...out, delta: 130n }), 'the gateway refused it after all');
  assert.deepEqual([(await left(tenantId))[first.grant], (await left(tenantId))[second.grant]], [100n, 100n]);
  await assert.rejects(post({ ...out, delta: 1n }), { code: '23514' }, 'more than was taken cannot come back');
  await postgresBooks(db).place(placing(tenantId, 650n));
  const [refundable] = await db.query<{ micros: bigint }>(`select refundable_credit($1, 'USD') as micros`, [tenantId]);
  assert.equal(refundable?.micros, 50n);
  assert.equal(await post({ ...out, delta: -51n }), undefined, 'held credit stays');
  await booksAgree();
});

test('a dispute takes paid credit first and given credit if it must; when it is won all of it is back in its place', async () => {
  const tenantId = await opened();
  const { payment, grant } = await pay(tenantId, 100n);
  const gift = { ...granting(tenantId, 40n) };
  await postgresBooks(db).grant(gift);
  const dispute = { tenantId, type: 'dispute', kind: 'dispute', payment };
  assert.ok(await post({ ...dispute, delta: -120n }));
  assert.deepEqual(await left(tenantId), { [grant]: 0n, [gift.transferId]: 20n });
  assert.ok(await post({ ...dispute, delta: 120n }));
  assert.deepEqual(await left(tenantId), { [grant]: 100n, [gift.transferId]: 40n });
  await booksAgree();
});

test('a hold that was charged in parts is refunded as a whole, or one charge by itself, never more than was charged', async () => {
  const tenantId = await opened();
  await postgresBooks(db).grant(granting(tenantId, 100n));
  const hold = placing(tenantId, 60n);
  await postgresBooks(db).place(hold);
  for (const [micros, final] of [
    [20n, false],
    [40n, true],
  ] as const)
    await postgresBooks(db).capture(capturing(tenantId, hold.holdId, micros, final));
  const [charge] = await db.query<{ id: string }>('select id from transfers where hold_id = $1 and amount_micros = 40', [hold.holdId]);
  const reverse = async (amount: bigint) =>
    (
      await db.query<{ outcome: string }>(`select reverse_transfer($1, $2, $3, $4, 'refund', 'd', 'r', null, null, $5) as outcome`, [
        newId(),
        tenantId,
        charge?.id,
        amount,
        start,
      ])
    )[0]?.outcome;
  const whole = { tenantId, type: 'refund', kind: 'revenue', discriminator: 'verification', hold: hold.holdId };
  assert.ok(await post({ ...whole, delta: 30n }));
  assert.equal(await reverse(31n), 'exceeds', 'what was refunded by the hold counts');
  assert.equal(await reverse(30n), 'done');
  await assert.rejects(post({ ...whole, delta: 1n }), { code: '23514' });
  assert.deepEqual(await parts(tenantId), [0n, 100n]);
  await booksAgree();
});

test('only what was charged is refunded: what left through a gateway, in a dispute, by hand or by its expiry does not come back as credit', async () => {
  const tenantId = await opened();
  const { payment } = await pay(tenantId, 100n);
  const books = postgresBooks(db);
  const gone = [
    await post({ tenantId, type: 'payment_refund', kind: 'clearing', discriminator: 'simulator', payment, delta: -10n }),
    await post({ tenantId, type: 'dispute', kind: 'clearing', discriminator: 'simulator', payment, delta: -10n }),
    await post({ tenantId, type: 'adjustment', kind: 'adjustment', delta: -10n }),
  ];
  await books.grant({ ...granting(tenantId, 10n), expiresAt: addMs(start, hourMs) });
  await books.lapseDue(addMs(start, hourMs), undefined, 1_000);
  const { entries } = await books.entries(tenantId, { type: 'expiry' }, { limit: 1, cursor: '' });
  for (const id of [...gone, entries[0]?.transferId])
    assert.deepEqual(await books.refund(refunding(tenantId, id ?? assert.fail('it was refused'), 10n)), { outcome: 'not_found' });
  assert.deepEqual(await parts(tenantId), [70n, 0n]);
  await booksAgree();
});

test('credit for no known reason is given, not paid: it never leaves through a gateway', async () => {
  const tenantId = await opened();
  assert.ok(await post({ tenantId, type: 'adjustment', kind: 'adjustment', delta: 25n }));
  assert.deepEqual(await parts(tenantId), [0n, 25n]);
  assert.ok(await post({ tenantId, type: 'adjustment', kind: 'adjustment', delta: -25n }));
  assert.equal(await post({ tenantId, type: 'adjustment', kind: 'adjustment', delta: -1n }), undefined);
  await booksAgree();
});

test('a movement by another feature does not spend what has expired either', async () => {
  const tenantId = await opened();
  await postgresBooks(db).grant({ ...granting(tenantId, 40n), expiresAt: addMs(start, hourMs) });
  const charge = { tenantId, type: 'usage', kind: 'revenue', discriminator: 'usage', now: addMs(start, 2 * hourMs) };
  assert.equal(await post({ ...charge, delta: -1n }), undefined);
  assert.deepEqual(await parts(tenantId), [0n, 0n]);
  await booksAgree();
});

test('sixty movements of one wallet at once, from batches and from other features, leave grants that add up', async () => {
  const tenantId = await opened();
  for (let each = 0; each < 10; each++) await pay(tenantId, 20n);
  const books = postgresBooks(db);
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, async (_, at) => {
      if (at % 3 === 0)
        return (await post({ tenantId, type: 'subscription', kind: 'revenue', discriminator: 'subscription', delta: -5n })) !== undefined;
      if (at % 3 === 1) return (await books.charge(charging(tenantId, 5n))).outcome === 'done';
      const hold = placing(tenantId, 5n);
      return (await books.place(hold)).outcome === 'done' && (await books.capture(capturing(tenantId, hold.holdId, 5n))).outcome === 'done';
    }),
  );
  assert.equal(outcomes.filter(Boolean).length, 40, 'forty times five is all that there is');
  assert.deepEqual(await parts(tenantId), [0n, 0n]);
  await booksAgree();
});

test('wallets from before there were grants get them from their history', async () => {
  const old = await createTestDatabase(
    'billing_before',
    migrations.filter(({ name }) => !/-0(?!00\d-)\d{3}-/.test(name)),
  );
  const before = await openBooks(old.url, 2);
  try {
    const tenantId = newId();
    const grant = async (micros: bigint) =>
      before.query(`select * from grant_credit($1, $2, $3, $4, '', $5, 'USD', 'Welcome', $6, $7, 'old', '{}', '')`, [
        newId(),
        newId(),
        tenantId,
        newId(),
        micros,
        start,
        newId(),
      ]);
    const move = async (delta: bigint, type: string, kind: string, discriminator: string, payment: string | null = null) =>
      before.query(`select post_to_wallet($1, $2, 'USD', $3, 0, $4, $5, $6, 'd', 'r', null, $7, null, null, $8)`, [
        newId(),
        tenantId,
        delta,
        type,
        kind,
        discriminator,
        payment,
        start,
      ]);
    await grant(50n);
    await move(100n, 'payment', 'clearing', 'simulator', newId());
    await move(-70n, 'charge', 'revenue', 'verification');
    await grant(10n);
    await migrate({ url: old.url, migrations });
    const wallet = await postgresBooks(before).wallet(tenantId);
    assert.deepEqual([wallet?.balanceMicros, wallet?.promotionalMicros], [90n, 10n]);
    await booksAgree(before);
    assert.equal((await postgresBooks(before).charge(charging(tenantId, 90n))).outcome, 'done');
  } finally {
    await before.close();
    await old.close();
  }
});
