import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { dayMs, hourMs, testClock } from '#platform/time/index.ts';
import { decideAdjustment } from '../../../app/adjustments/decide-adjustment.ts';
import { expireAdjustments } from '../../../app/adjustments/expire-adjustments.ts';
import { listAdjustments } from '../../../app/adjustments/list-adjustments.ts';
import { proposeAdjustment, type ProposeAdjustmentRequest } from '../../../app/adjustments/propose-adjustment.ts';
import { chargeWallet } from '../../../app/ledger/charge-wallet.ts';
import { openBooks } from '../../../testing/ledger/postgres-books.ts';
import { postgresAudit } from '../ledger/audit.ts';
import { postgresHolds } from '../ledger/hold-ledger.ts';
import { postgresWallets } from '../ledger/wallets.ts';
import { migrations } from '../migrations/index.ts';
import { postgresAdjustments } from './adjustments.ts';

const micros = 1_000_000n;
const limit = 100n * micros;
const code = (expected: string) => (error: unknown) => isAppError(error) && error.code === expected;

describe('adjustments by hand', () => {
  let database: TestDatabase;
  let db: Database;
  let clock: ReturnType<typeof testClock>;
  let tenantId: string;
  before(async () => {
    database = await createTestDatabase('billing', migrations);
    db = await openBooks(database.url);
  });
  after(async () => {
    assert.equal(await postgresAudit(db).firstDivergence(), undefined, 'the books agree after all that');
    await db.close();
    await database.close();
  });
  beforeEach(async () => {
    clock = testClock(new Date('2026-03-01T12:00:00Z'));
    tenantId = newId();
    await postgresWallets(db).open(tenantId, clock.now());
  });

  const store = () => postgresAdjustments(db);
  const policy = { limitMicros: { USD: limit }, lifetimeMs: 7 * dayMs };
  const asked = (units: bigint, over: Partial<ProposeAdjustmentRequest> = {}): ProposeAdjustmentRequest => ({
    idempotencyKey: newId(),
    tenantId,
    amount: money('USD', units * micros),
    reason: 'goodwill',
    note: 'ticket 4711: codes came late',
    ...over,
  });
  const propose = (operator: string, request: ProposeAdjustmentRequest) =>
    proposeAdjustment({ adjustments: store(), clock, policy })(operator, request);
  const decide = (operator: string, id: string, decision: 'posted' | 'rejected' = 'posted') =>
    decideAdjustment({ adjustments: store(), clock })(operator, { id, decision, note: 'looked at it' });
  const balance = async () => ((await postgresWallets(db).wallet(tenantId))?.balanceMicros ?? -1n) / micros;
  const told = async (id: string) =>
    (await db.query<{ subject: string }>('select subject from outbox where aggregate_id = $1 order by seq', [id])).map(({ subject }) =>
      subject.split('.').at(-1),
    );

  test('up to the limit it is posted at once, with the event, and repeated by its key', async () => {
    const request = asked(60n);
    const first = await propose('user:ann', request);
    assert.deepEqual([first.status, first.decidedBy, await balance()], ['posted', undefined, 60n]);
    assert.deepEqual(await propose('user:ann', request), first);
    await assert.rejects(propose('user:ann', { ...request, amount: money('USD', 61n * micros) }), code('request.idempotency_conflict'));
    assert.equal(await balance(), 60n);
    assert.deepEqual(await told(first.id), ['posted']);
    const { entries } = await postgresWallets(db).entries(tenantId, {}, { limit: 5, cursor: '' });
    assert.deepEqual(
      entries.map(({ type, description, reference }) => [type, description, reference]),
      [['adjustment', 'Adjustment: goodwill', first.id]],
    );
  });

  test('above it a second, different operator decides; pieces within a day count together', async () => {
    const { status, id } = await propose('user:ann', asked(100n + 1n));
    assert.deepEqual([status, await balance()], ['proposed', 0n]);
    await assert.rejects(decide('user:ann', id), code('billing.self_approval'));
    const decided = await decide('user:bob', id);
    assert.deepEqual([decided.status, decided.decidedBy, await balance()], ['posted', 'user:bob', 101n]);
    assert.deepEqual(await decide('user:bob', id), decided, 'repeating changes nothing');
    await assert.rejects(decide('user:cid', id), code('billing.adjustment_decided'));
    assert.deepEqual(await told(id), ['proposed', 'posted']);

    assert.equal((await propose('user:ann', asked(70n))).status, 'posted', 'what two agreed on does not count');
    assert.equal((await propose('user:ann', asked(-31n))).status, 'proposed', '70 and 31 are more than 100, whatever the sign');
    assert.equal((await propose('user:bob', asked(70n))).status, 'posted', 'of another operator');
    clock.advance(dayMs + 1);
    assert.equal((await propose('user:ann', asked(100n))).status, 'posted', 'a day later');
  });

  test('a debit never takes the wallet below what it holds, at once or after approval', async () => {
    await propose('user:ann', asked(20n));
    await assert.rejects(propose('user:ann', asked(-21n)), code('billing.insufficient_credit'));
    assert.deepEqual([(await propose('user:ann', asked(-20n))).status, await balance()], ['posted', 0n]);
    const { id } = await propose('user:ann', asked(-500n));
    await assert.rejects(decide('user:bob', id), code('billing.insufficient_credit'));
    assert.equal((await store().find(id))?.status, 'proposed', 'it still waits');
    assert.equal((await decide('user:ann', id, 'rejected')).status, 'rejected', 'the one who proposed it takes it back');
    await assert.rejects(decide('user:bob', id), code('billing.adjustment_decided'));
    assert.deepEqual(await told(id), ['proposed', 'dropped']);
  });

  test('a refund gives a charge back, once, and never more than the charge', async () => {
    await propose('user:ann', asked(50n));
    const charge = chargeWallet({ holds: postgresHolds(db), clock, monitor: { hold: () => {} } as never });
    const refundOf = await charge(tenantId, {
      idempotencyKey: newId(),
      amount: money('USD', 30n * micros),
      product: 'usage',
      reference: 'r',
      description: 'Calls',
    });
    const refund = (units: bigint, over = {}) => propose('user:cid', asked(units, { refundOf, reason: 'service_failure', ...over }));
    await assert.rejects(refund(31n), code('billing.refund_exceeds_charge'));
    await assert.rejects(refund(-1n), code('request.invalid'));
    assert.equal((await refund(10n)).status, 'posted');
    await assert.rejects(refund(21n), code('billing.refund_exceeds_charge'));
    assert.equal((await refund(20n)).status, 'posted');
    assert.equal(await balance(), 50n);
    await assert.rejects(refund(1n, { refundOf: newId() }), code('request.not_found'));
    const stranger = newId();
    await postgresWallets(db).open(stranger, clock.now());
    await assert.rejects(refund(1n, { tenantId: stranger }), code('request.not_found'));
  });

  test('only a charge can be given back: not a debit by hand, not a payment that goes back to its card', async () => {
    await propose('user:ann', asked(50n));
    const debit = await propose('user:ann', asked(-10n));
    await assert.rejects(propose('user:cid', asked(10n, { refundOf: debit.transferId ?? '' })), code('request.not_found'));
    const [toCard, charged] = [newId(), newId()];
    const post = `select post_to_wallet($1, $2, 'USD', -1000000, 0, $3, $4, $5, '', '', null, null, null, null, $6)`;
    await db.query(post, [toCard, tenantId, 'dispute', 'clearing', 'simulator', clock.now()]);
    await db.query(post, [charged, tenantId, 'subscription', 'revenue', 'subscription', clock.now()]);
    await assert.rejects(propose('user:cid', asked(1n, { refundOf: toCard })), code('request.not_found'));
    assert.equal((await propose('user:cid', asked(1n, { refundOf: charged }))).status, 'posted');
    assert.equal(await balance(), 39n);
  });

  test('what nobody decides expires, and is told', async () => {
    const { id } = await propose('user:ann', asked(500n));
    clock.advance(7 * dayMs);
    await assert.rejects(decide('user:bob', id), code('billing.adjustment_decided'));
    const expire = expireAdjustments({ adjustments: store(), clock });
    const counts = await Promise.all([expire(), expire()]);
    assert.ok(counts[0] + counts[1] >= 1);
    assert.equal((await store().find(id))?.status, 'expired');
    assert.deepEqual(await told(id), ['proposed', 'dropped']);
  });

  test('of twenty approvals and rejections at once one counts', async () => {
    const { id } = await propose('user:ann', asked(500n));
    const decisions = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => decide(`user:op-${index}`, id, index % 2 === 0 ? 'posted' : 'rejected')),
    );
    const won = decisions.filter((each) => each.status === 'fulfilled');
    assert.equal(won.length, 1);
    assert.equal(await balance(), won[0]?.value.status === 'posted' ? 500n : 0n);
  });

  test('of twenty proposals at once no more is posted than the limit allows', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => propose('user:ann', asked(30n))));
    assert.equal(made.filter(({ status }) => status === 'posted').length, 3);
    assert.equal(await balance(), 90n);
  });

  test('wrong requests name their fields; a tenant without a wallet is not found', async () => {
    const fieldsOf = async (over: Partial<ProposeAdjustmentRequest>) => {
      const error: unknown = await propose('user:ann', asked(1n, over)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      return isAppError(error) ? error.fields.map(({ field }) => field) : undefined;
    };
    assert.deepEqual(await fieldsOf({ reason: 'because' }), ['reason']);
    assert.deepEqual(await fieldsOf({ note: 'short' }), ['note']);
    assert.deepEqual(await fieldsOf({ amount: money('USD', 0n) }), ['amount.micros']);
    assert.deepEqual(await fieldsOf({ amount: money('EUR', 1n) }), ['amount.currency']);
    assert.deepEqual(await fieldsOf({ tenantId: 'x', idempotencyKey: '' }), ['idempotency_key', 'tenant_id']);
    await assert.rejects(propose('user:ann', asked(1n, { tenantId: newId() })), code('request.not_found'));
  });

  test('the list goes through all pages, by tenant and status; the database refuses changes after the decision', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) {
      ids.push((await propose('user:ann', asked(count === 2 ? 500n : 1n))).id);
      clock.advance(hourMs);
    }
    const list = listAdjustments({ reader: store() });
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const page = await list(tenantId, undefined, { limit: 2, cursor });
      seen.push(...page.adjustments.map(({ id }) => id));
      cursor = page.nextCursor;
      if (cursor === '') break;
    }
    assert.deepEqual(seen, ids.toReversed());
    const waiting = await list(tenantId, 'proposed', { limit: 5, cursor: '' });
    assert.deepEqual(
      waiting.adjustments.map(({ id }) => id),
      [ids[2]],
    );
    await assert.rejects(db.query('update adjustments set amount_micros = 2 where id = $1', [ids[0]]));
    await assert.rejects(db.query('delete from adjustments where id = $1', [ids[2]]));
    await assert.rejects(
      db.query(`update adjustments set status = 'posted', decided_by = proposed_by, decided_at = now(), transfer_id = id where id = $1`, [
        ids[2],
      ]),
      'not even SQL lets one person be both',
    );
  });
});
