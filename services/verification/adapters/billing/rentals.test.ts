import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appError, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { formatDecimal } from '#platform/money/index.ts';
import { testClock } from '#platform/time/index.ts';
import type { RentalOrder } from '../../domain/rental/rental.ts';
import { createRentalLedger } from './rentals.ts';

type Clients = Parameters<typeof createRentalLedger>[0];
interface Placed {
  readonly idempotencyKey: string;
  readonly product: string;
  readonly reference: string;
}

const rentalId = newId();
const orderOf = (kind: RentalOrder['kind']): RentalOrder => ({
  ...{ id: newId(), rentalId, tenantId: newId(), kind, idempotencyKey: newId(), requestHash: '', state: 'reserving', version: 1 },
  ...{ hours: 24, currency: 'USD', priceMicros: 1_790_000n, listMicros: 1_790_000n, quoteId: newId(), holdId: null, reason: null },
  ...{ createdAt: new Date(), deadline: new Date(), coversFrom: null, coversTo: null, refundMicros: 0n, askedAt: null, costMicros: 0n },
  ...{ dueAt: null, attempts: 0 },
});
const unused = (): never => assert.fail('not asked for');
/** Billing that knows holds by their key, and what each was placed for. */
const billingThat = (known: ReadonlyMap<string, string> = new Map()) => {
  const placed: Placed[] = [];
  const placeHold = async ({ idempotencyKey, product, reference }: Placed) => {
    placed.push({ idempotencyKey, product, reference });
    const before = known.get(idempotencyKey);
    if (before !== undefined && before !== reference) throw appError('request.idempotency_conflict');
    return { hold: { id: 'hold' } };
  };
  const ledger = { placeHold, captureHold: unused, releaseHold: unused } as unknown as Clients['ledger'];
  return { placed, ledger: createRentalLedger({ ledger, charges: { giveBack: unused }, clock: testClock() }) };
};
const request = { description: 'Telegram number', expiresAt: new Date(), deadline: new Date(Date.now() + 60_000) };

test('the holds of all orders of a rental name the rental; each has a key of its own', async () => {
  const { placed, ledger } = billingThat();
  const orders = (['purchase', 'extension', 'renewal'] as const).map(orderOf);
  for (const order of orders) assert.deepEqual(await ledger.placeHold(order, request), { kind: 'held', holdId: 'hold' });
  assert.deepEqual(
    placed,
    orders.map(({ id }) => ({ idempotencyKey: `rental:${id}`, product: 'rental', reference: `rental:${rentalId}` })),
  );
});

test('an order whose hold names the order, as it once did, finds that hold again', async () => {
  const order = orderOf('purchase');
  const { ledger } = billingThat(new Map([[`rental:${order.id}`, order.id]]));
  assert.deepEqual(await ledger.placeHold(order, request), { kind: 'held', holdId: 'hold' });
});

test('a hold under this key that was for something else refuses the order', async () => {
  const order = orderOf('purchase');
  const { placed, ledger } = billingThat(new Map([[`rental:${order.id}`, 'something else']]));
  const answer = await ledger.placeHold(order, request);
  assert.equal(answer.kind === 'refused' && answer.error.code, 'request.idempotency_conflict');
  assert.equal(placed.length, 2);
});

test('what goes back is what is left of the charge, when an operator gave back some of it first; it is given once', async () => {
  const order = { ...orderOf('purchase'), holdId: newId(), refundMicros: 800_000n };
  const given = new Map<string, bigint>();
  let left = 1_790_000n;
  let lost = false;
  const giveBack = async ({ idempotencyKey, amount }: { idempotencyKey: string; amount: { micros: bigint } }) => {
    const before = given.get(idempotencyKey);
    if (before !== undefined && before !== amount.micros) throw appError('request.idempotency_conflict');
    if (before === undefined && amount.micros > left)
      throw appError('billing.refund_exceeds_charge', { meta: { refundable: formatDecimal(left) } });
    if (before === undefined) left -= amount.micros;
    given.set(idempotencyKey, amount.micros);
    if (lost) throw appError('platform.deadline_exceeded');
    return { transferId: newId() };
  };
  const ledger = { placeHold: unused, captureHold: unused, releaseHold: unused };
  const money = createRentalLedger({ ledger, charges: { giveBack }, clock: testClock() } as unknown as Clients);
  left -= 1_500_000n;
  lost = true;
  await assert.rejects(money.refund(order));
  lost = false;
  for (const _ of [1, 2]) await money.refund(order);
  assert.deepEqual([...given.values()], [290_000n]);
});

test('a number whose reservation ended before it was charged is paid from another one, once, and given back from that', async () => {
  const order = { ...orderOf('purchase'), holdId: newId(), refundMicros: 800_000n };
  const holds = new Map<string, { readonly id: string; captured?: string }>();
  let credit = false;
  const ledger = {
    placeHold: async ({ idempotencyKey, quoteId }: { idempotencyKey: string; quoteId?: string }) => {
      assert.equal(quoteId, undefined, 'the quote is over, too');
      if (!credit) throw appError('billing.insufficient_credit');
      const hold = holds.get(idempotencyKey) ?? { id: newId() };
      holds.set(idempotencyKey, hold);
      return { hold };
    },
    captureHold: async ({ idempotencyKey, holdId }: { idempotencyKey: string; holdId: string }) => {
      const hold = [...holds.values()].find(({ id }) => id === holdId);
      if (hold === undefined) throw appError('billing.hold_expired');
      if (hold.captured !== undefined && hold.captured !== idempotencyKey) throw appError('billing.hold_captured');
      hold.captured = idempotencyKey;
      return {};
    },
    releaseHold: unused,
  };
  const given: string[] = [];
  const giveBack = async ({ product, reference }: { product: string; reference: string }) => {
    if (holds.get(`${product}:${reference}`)?.captured === undefined) throw appError('request.not_found');
    given.push(reference);
    return { transferId: newId() };
  };
  const money = createRentalLedger({ ledger, charges: { giveBack }, clock: testClock() } as unknown as Clients);
  await assert.rejects(money.capture(order), (error) => isAppError(error, 'billing.insufficient_credit'));
  credit = true;
  for (const _ of [1, 2]) await money.capture(order);
  assert.equal(holds.size, 1);
  await money.refund(order);
  assert.deepEqual(given, [`${order.id}:late`]);
});

test('what costs nothing is not charged: its hold ends', async () => {
  const released: string[] = [];
  const releaseHold = async ({ holdId }: { holdId: string }) => (released.push(holdId), {});
  const ledger = { placeHold: unused, captureHold: unused, releaseHold };
  const money = createRentalLedger({ ledger, charges: { giveBack: unused }, clock: testClock() } as unknown as Clients);
  const holdId = newId();
  await money.capture({ ...orderOf('purchase'), priceMicros: 0n, holdId });
  assert.deepEqual(released, [holdId]);
});
