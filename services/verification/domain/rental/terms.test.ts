import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addMs, hourMs } from '#platform/time/index.ts';
import type { RentalOrder } from './rental.ts';
import { durations, listPrice, refundOf } from './terms.ts';

const begin = new Date('2026-11-21T10:30:00Z');
const cent = 10_000n;
const seed = Number(process.env['TERMS_SEED'] ?? Date.now() % 1_000_000);
const orders = fc
  .record({
    duration: fc.constantFrom(...durations),
    kind: fc.constantFrom<RentalOrder['kind']>('purchase', 'extension', 'renewal'),
    cents: fc.bigInt(1n, 100_000_00n),
    /** Of its time, in thousandths: before it began, within it, after it. */
    passed: fc.integer({ min: -500, max: 1_500 }),
  })
  .map(({ duration: { hours }, kind, cents, passed }) => ({
    order: {
      ...{ id: 'o', rentalId: 'r', tenantId: 't', kind, idempotencyKey: 'k', requestHash: '', state: 'charged', version: 1, hours },
      ...{
        currency: 'USD',
        priceMicros: cents * cent,
        listMicros: cents * cent,
        quoteId: 'q',
        holdId: 'h',
        reason: null,
        createdAt: begin,
      },
      ...{ deadline: begin, coversFrom: begin, coversTo: addMs(begin, hours * hourMs), refundMicros: 0n, dueAt: null, attempts: 0 },
      ...{ askedAt: begin, costMicros: 0n },
    } satisfies RentalOrder,
    now: addMs(begin, Math.round((hours * hourMs * passed) / 1_000)),
  }));

describe('what a release gives back', () => {
  it(`is whole cents, half of the unused at most, less as time goes on, and nothing at the end (seed ${seed})`, () => {
    fc.assert(
      fc.property(orders, fc.integer({ min: 0, max: 100 * hourMs }), ({ order, now }, laterMs) => {
        const back = refundOf(order, now, false);
        assert.equal(back % cent, 0n);
        assert.ok(back >= 0n && 2n * back <= order.priceMicros);
        assert.ok(refundOf(order, addMs(now, laterMs), false) <= back, 'waiting never pays');
        const from = Math.max(now.getTime(), begin.getTime() + (order.kind === 'purchase' ? hourMs : 0));
        const unusedMs = BigInt(Math.max(0, order.coversTo.getTime() - from));
        const exact = (order.priceMicros * unusedMs) / (2n * BigInt(order.hours) * BigInt(hourMs));
        const hour = order.priceMicros / (2n * BigInt(order.hours));
        assert.ok(back <= exact, 'rounded down');
        assert.ok(exact - back <= hour + cent, 'by less than an hour and a cent');
        if (now >= order.coversTo) assert.equal(back, 0n);
        const all = order.kind === 'purchase' ? order.priceMicros : back;
        assert.equal(
          refundOf(order, now, true),
          all,
          'all of the purchase when the provider returned its money, which it does for nothing else',
        );
      }),
      { seed, numRuns: 1_000 },
    );
  });
  it('of the first hour of a purchase nothing, of an extension that has not begun half of the whole', () => {
    const [hour] = fc.sample(
      orders.filter(({ order }) => order.hours === 1 && order.kind === 'purchase'),
      { numRuns: 1, seed },
    );
    assert.equal(refundOf(hour!.order, begin, false), 0n);
    const [more] = fc.sample(
      orders.filter(({ order }) => order.kind === 'extension'),
      { numRuns: 1, seed },
    );
    const half = more!.order.priceMicros / 2n;
    assert.equal(refundOf(more!.order, addMs(begin, -hourMs), false), half - (half % cent));
  });
  it('an order without a stretch of time, which was never granted, gives nothing', () => {
    const [one] = fc.sample(orders, { numRuns: 1, seed });
    assert.equal(refundOf({ ...one!.order, coversFrom: null, coversTo: null }, begin, false), 0n);
  });
  it('prices are whole cents, never below the multiple', () => {
    fc.assert(
      fc.property(fc.constantFrom(...durations), fc.bigInt(1n, 10_000_000n), (duration, micros) => {
        const { micros: price } = listPrice({ currency: 'USD', micros }, duration);
        assert.equal(price % cent, 0n);
        assert.ok(price * 100n >= micros * duration.multiple - 99n && price * 100n < micros * duration.multiple + 100n * cent);
      }),
      { seed },
    );
  });
});
