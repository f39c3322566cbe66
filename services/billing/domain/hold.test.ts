import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capture, collect, giveBack, type Hold, type LateCharge, noLateCharge, reservedMicros } from './hold.ts';

const base: Hold = {
  id: 'h',
  state: 'held',
  amountMicros: 100n,
  capturedMicros: 0n,
  currency: 'USD',
  product: 'campaign',
  reference: 'r',
  description: '',
  expiresAt: new Date(0),
  createdAt: new Date(0),
};
const nat = (max: bigint) => fc.bigInt({ min: 0n, max });
const holds = fc
  .record({
    amountMicros: nat(100n).map((n) => n + 1n),
    part: nat(100n),
    state: fc.constantFrom('held', 'captured', 'released', 'expired'),
  })
  .map(({ amountMicros, part, state }): Hold => ({ ...base, amountMicros, capturedMicros: (amountMicros * part) / 100n, state }));

test('a change takes from the reserve exactly what it charges and gives back', () => {
  fc.assert(
    fc.property(holds, nat(120n), fc.boolean(), (hold, amount, final) => {
      for (const change of [capture(hold, amount, final), giveBack(hold, 'released'), giveBack(hold, 'expired')]) {
        if (typeof change === 'string') continue;
        assert.equal(reservedMicros(hold), change.chargeMicros + change.giveBackMicros + reservedMicros(change.hold));
        assert.ok(change.hold.capturedMicros <= change.hold.amountMicros);
      }
    }),
  );
});

test('a resolved hold refuses everything by its own name, an open one only what is too much', () => {
  for (const state of ['captured', 'released', 'expired'] as const) {
    const hold: Hold = { ...base, state };
    assert.equal(capture(hold, 1n, true), `hold_${state}`);
    assert.equal(giveBack(hold, 'released'), `hold_${state}`);
  }
  assert.equal(capture(base, 101n, false), 'capture_exceeds_hold');
  assert.notEqual(capture(base, 100n, false), 'capture_exceeds_hold');
});

test('collecting totals in any order, over any wallet, charges the largest total as far as the money goes', () => {
  fc.assert(
    fc.property(holds, nat(200n), fc.array(fc.tuple(nat(200n), fc.boolean()), { minLength: 1 }), (start, free, reports) => {
      let hold = start;
      let late: LateCharge = noLateCharge;
      let available = free;
      for (const [upTo, final] of reports) {
        const next = collect(hold, late, available, upTo, final);
        available += next.giveBackMicros - next.collectedNowMicros;
        ({ hold, late } = next);
        assert.ok(available >= 0n);
      }
      const total = [start.capturedMicros, ...reports.map(([upTo]) => upTo)].reduce((a, b) => (a > b ? a : b));
      const charged = hold.capturedMicros + late.collectedMicros;
      assert.equal(charged + (late.owedMicros > 0n ? late.owedMicros : 0n) >= total, true);
      assert.ok(charged <= total);
      assert.equal(free + reservedMicros(start) + start.capturedMicros, available + reservedMicros(hold) + charged);
    }),
  );
});
