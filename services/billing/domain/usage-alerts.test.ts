import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AlertRule, type AlertState, formatValue, maxCrossings, type Observation, observe, parseThreshold } from './usage-alerts.ts';

const fresh: AlertState = { scope: undefined, value: undefined, fired: 0n, firedBefore: 0n };
const at = new Date(0);
const seen = (...values: number[]): Observation[] => values.map((value) => ({ scope: 'a', value: BigInt(value), at }));
const rule = (over: Partial<AlertRule> = {}): AlertRule => ({ direction: 'up', recurrence: 'every', threshold: 10n, ...over });

/** Looks again for as long as something is left, as the worker does. */
const all = (given: AlertRule, observations: readonly Observation[], state = fresh) => {
  const crossings = [];
  let left = observations;
  let current = state;
  for (let count = 0; count < 1_000; count++) {
    const found = observe(given, current, left);
    crossings.push(...found.crossings);
    current = found.state;
    left = left.slice(found.consumed);
    if (left.length === 0) break;
  }
  return { crossings, state: current };
};
const thresholds = (given: AlertRule, ...values: number[]): number[] =>
  all(given, seen(...values)).crossings.map(({ threshold }) => Number(threshold));

describe('alerts', () => {
  it('fire where the value passes, not where it stays, up and down', () => {
    assert.deepEqual(thresholds(rule(), 9, 10, 11, 9, 12), [10, 10]);
    assert.deepEqual(thresholds(rule({ direction: 'down' }), 10, 9, 5, 10, 9), [10, 10]);
    assert.deepEqual(thresholds(rule({ direction: 'down' }), 3), [10], 'begins on the silent side');
    assert.deepEqual(thresholds(rule({ recurrence: 'once' }), 10, 0, 10), [10]);
    assert.deepEqual(thresholds(rule({ recurrence: 'multiple' }), 9, 31, 25, 41), [10, 20, 30, 30, 40]);
    assert.deepEqual(thresholds(rule({ recurrence: 'multiple' }), -15, -5, 5), []);
  });
  it('a period of its own begins at its beginning', () => {
    const observations = [...seen(15), { scope: 'b', value: 12n, at }, { scope: 'b', value: 13n, at }];
    assert.equal(all(rule(), observations).crossings.length, 2);
  });
  it('find the same crossings however the values are handed over, numbered without a gap', () => {
    const rules = fc.record<AlertRule>({
      direction: fc.constantFrom('up', 'down'),
      recurrence: fc.constantFrom('once', 'every', 'multiple'),
      threshold: fc.bigInt(1n, 20n),
    });
    const values = fc.array(fc.record({ scope: fc.constantFrom('a', 'b'), value: fc.bigInt(-50n, 3_000n) }), { maxLength: 20 });
    fc.assert(
      fc.property(rules, values, fc.integer({ min: 1, max: 5 }), (given, rows, size) => {
        const observations = rows.map((row) => ({ ...row, at }));
        const whole = all(given, observations);
        let state = fresh;
        const parts = [];
        for (let from = 0; from < observations.length; from += size) {
          const found = all(given, observations.slice(from, from + size), state);
          parts.push(...found.crossings);
          state = found.state;
        }
        assert.deepEqual(parts, whole.crossings);
        assert.deepEqual(
          parts.map(({ number }) => number),
          parts.map((_crossing, index) => BigInt(index + 1)),
        );
        // Seen again, nothing more is found.
        const last = observations.at(-1);
        if (last !== undefined) assert.deepEqual(all(given, [last], state).crossings, []);
      }),
      { numRuns: 1_000 },
    );
  });
  it('a jump over many multiples is told in several looks, each bounded', () => {
    const given = rule({ recurrence: 'multiple', threshold: 1n });
    const found = observe(given, fresh, seen(maxCrossings * 2 + 7));
    assert.deepEqual([found.crossings.length, found.consumed], [maxCrossings, 0]);
    assert.equal(all(given, seen(maxCrossings * 2 + 7)).crossings.length, maxCrossings * 2 + 7);
  });
  it('thresholds are read as their metric wants and written back the same', () => {
    for (const [metric, text] of [
      ['usage_quantity', '1000'],
      ['usage_amount', '12.50'],
      ['wallet_balance', '0.0045'],
      ['included_percent', '80'],
    ] as const)
      assert.equal(formatValue(metric, parseThreshold(metric, text) ?? 0n), text);
    assert.equal(formatValue('budget_percent', 8_012n), '80.12');
    for (const text of ['0', '-1', '1.5', '1e3', '', ' 1', '1001']) assert.equal(parseThreshold('budget_percent', text), undefined, text);
  });
});
