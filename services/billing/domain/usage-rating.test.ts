import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addMs, dayMs } from '#platform/time/index.ts';
import { forecastQuantity } from './usage-forecast.ts';
import { meterNames } from './usage-meters.ts';
import { picosPerMicro, rate, ratedPicos, roundHalfEven, type Tier, tiersFault, type UsagePrice, type UsageTerms } from './usage-rating.ts';
import { plansWithTerms, usageTerms } from './usage-terms.ts';

const tiersArbitrary = fc
  .array(fc.record({ width: fc.bigInt(1n, 1_000n), unitPicos: fc.bigInt(0n, 10n ** 9n), flatPicos: fc.bigInt(0n, 10n ** 10n) }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((rows): Tier[] => {
    let end = 0n;
    return rows.map(({ width, unitPicos, flatPicos }, index) => {
      end += width;
      return { upTo: index === rows.length - 1 ? undefined : end, unitPicos, flatPicos };
    });
  });
const quantityArbitrary = fc.bigInt(0n, 5_000n);
const includedArbitrary = fc.bigInt(0n, 1_000n);
const graduated = (tiers: readonly Tier[]): UsagePrice => ({ model: 'graduated', tiers });
const volume = (tiers: readonly Tier[]): UsagePrice => ({ model: 'volume', tiers });
const check = <T>(property: fc.IProperty<T>): void => fc.assert(property, { numRuns: 500 });

describe('rating', () => {
  it('graduated is what counting unit by unit gives', () => {
    const slowly = (tiers: readonly Tier[], units: bigint): bigint => {
      let total = 0n;
      for (let unit = 1n; unit <= units; unit++) {
        const index = tiers.findIndex(({ upTo }) => upTo === undefined || unit <= upTo);
        const firstOf = index === 0 ? 1n : (tiers[index - 1]?.upTo ?? 0n) + 1n;
        total += (tiers[index]?.unitPicos ?? 0n) + (unit === firstOf ? (tiers[index]?.flatPicos ?? 0n) : 0n);
      }
      return total;
    };
    check(
      fc.property(tiersArbitrary, fc.bigInt(0n, 400n), (tiers, units) =>
        assert.equal(ratedPicos({ included: 0n, price: graduated(tiers) }, units), slowly(tiers, units)),
      ),
    );
  });
  it('graduated never falls, and what is used in parts costs together what it costs at once', () => {
    check(
      fc.property(tiersArbitrary, includedArbitrary, fc.array(fc.bigInt(0n, 800n), { maxLength: 8 }), (tiers, included, parts) => {
        const terms: UsageTerms = { included, price: graduated(tiers) };
        let total = 0n;
        let charged = 0n;
        for (const part of parts) {
          total += part;
          const due = rate(terms, total).micros - charged;
          assert.ok(due >= 0n);
          charged += due;
        }
        assert.equal(charged, rate(terms, total).micros);
      }),
    );
  });
  it('volume prices all units by one tier; a package counts whole once begun; the included cost nothing', () => {
    check(
      fc.property(tiersArbitrary, includedArbitrary, quantityArbitrary, fc.bigInt(1n, 700n), (tiers, included, quantity, size) => {
        const units = quantity > included ? quantity - included : 0n;
        const tier = tiers.find(({ upTo }) => upTo === undefined || units <= upTo);
        const expected = units === 0n ? 0n : units * (tier?.unitPicos ?? 0n) + (tier?.flatPicos ?? 0n);
        assert.equal(ratedPicos({ included, price: volume(tiers) }, quantity), expected);
        const packages = ratedPicos({ included, price: { model: 'package', size, packagePicos: 7n } }, quantity) / 7n;
        assert.ok(packages * size >= units && (units === 0n ? packages === 0n : (packages - 1n) * size < units));
        for (const price of [graduated(tiers), volume(tiers)]) assert.equal(ratedPicos({ included, price }, included), 0n);
      }),
    );
  });
  it('tier boundaries: the last unit of a tier belongs to it, the next to the next', () => {
    const tiers: Tier[] = [
      { upTo: 10n, unitPicos: 3n, flatPicos: 100n },
      { upTo: undefined, unitPicos: 1n, flatPicos: 0n },
    ];
    const of = (price: UsagePrice) => [0n, 1n, 10n, 11n].map((quantity) => ratedPicos({ included: 0n, price }, quantity));
    assert.deepEqual(of(graduated(tiers)), [0n, 103n, 130n, 131n]);
    assert.deepEqual(of(volume(tiers)), [0n, 103n, 130n, 11n]);
    assert.equal(ratedPicos({ included: 5n, price: graduated(tiers) }, -7n), 0n, 'corrections below nothing are nothing');
  });
  it('rounds once, half to even, and says what is left', () => {
    const half = picosPerMicro / 2n;
    const cases: [bigint, bigint][] = [
      [half, 0n],
      [half + 1n, 1n],
      [picosPerMicro + half, 2n],
      [2n * picosPerMicro + half, 2n],
      [-half, 0n],
      [-picosPerMicro - half, -2n],
    ];
    for (const [picos, micros] of cases) assert.equal(roundHalfEven(picos).micros, micros, String(picos));
    check(
      fc.property(fc.bigInt(-(10n ** 20n), 10n ** 20n), (picos) => {
        const { micros, remainderPicos } = roundHalfEven(picos);
        assert.equal(micros * picosPerMicro + remainderPicos, picos);
        assert.ok(2n * remainderPicos <= picosPerMicro && 2n * remainderPicos >= -picosPerMicro);
      }),
    );
  });
  it('the terms of every plan are prices, and a bigger plan never costs more for the same calls', () => {
    for (const plan of plansWithTerms)
      for (const meter of meterNames) {
        const { price, included } = usageTerms(plan, meter);
        assert.ok(included >= 0n);
        if (price.model === 'graduated' || price.model === 'volume') assert.equal(tiersFault(price.tiers), undefined, plan);
      }
    check(
      fc.property(fc.bigInt(0n, 200_000_000n), (quantity) => {
        const costs = plansWithTerms.map((plan) => rate(usageTerms(plan, 'api.calls'), quantity).micros);
        assert.deepEqual(
          costs,
          costs.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)),
        );
      }),
    );
    assert.deepEqual(usageTerms('unheard-of', 'api.calls'), usageTerms('starter', 'api.calls'));
  });
  it('tiers that are none are named', () => {
    const tier = (upTo: bigint | undefined, unitPicos = 1n): Tier => ({ upTo, unitPicos, flatPicos: 0n });
    assert.match(tiersFault([]) ?? '', /at least one/);
    assert.match(tiersFault([tier(5n)]) ?? '', /no end/);
    assert.match(tiersFault([tier(undefined), tier(undefined)]) ?? '', /no end/);
    assert.match(tiersFault([tier(5n), tier(5n), tier(undefined)]) ?? '', /tier 2 ends/);
    assert.match(tiersFault([tier(undefined, -1n)]) ?? '', /negative/);
  });
});

it('a forecast carries on as it went: half a period doubles, the end is what it is', () => {
  const startsAt = new Date('2026-03-01T00:00:00Z');
  const period = { startsAt, endsAt: addMs(startsAt, 30 * dayMs) };
  const at = (days: number, quantity = 100n) => forecastQuantity(quantity, period, addMs(startsAt, days * dayMs));
  assert.deepEqual([at(15), at(10), at(30), at(31), at(0), at(7, 0n)], [200n, 300n, 100n, 100n, 100n, 0n]);
});
