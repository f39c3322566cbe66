import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { secondMs, testClock } from '#platform/time/index.ts';
import { loadMarketRules } from '../../adapters/market/load-rules.ts';
import { figuresOf, joined, noOutcomes } from '../../domain/market/figures.ts';
import { bucketCount, bucketOf } from '../../domain/routing/histogram.ts';
import { testCatalogue as catalogue } from '../../testing/harness.ts';
import type { DayTally, ListedOffer } from '../routing/ports.ts';
import { unheardOf } from '../routing/ports.ts';
import { publishFigures } from './publish-figures.ts';
import { recentDay } from './recent-day.ts';

const rules = loadMarketRules(new URL('../../data/market.json', import.meta.url));
const { minNumbers, minCodes, rateStep } = rules.published;

const latencies = (codes: number, ms: number): number[] => {
  const buckets = Array.from({ length: bucketCount }, () => 0);
  buckets[bucketOf(ms)] = codes;
  return buckets;
};
const tally = (service: string, country: string, codes: number, misses: number): DayTally => ({
  ...{ service, country, codes, misses, latencies: latencies(codes, 12_000) },
});
const offer = (provider: string, country: string, stock: number, costMicros = 100_000n): ListedOffer => ({
  ...{ provider, service: 'telegram', country, stock, costMicros },
});

describe('what is published of the market', () => {
  const open = (rows: readonly DayTally[], offers: readonly ListedOffer[], paused: readonly string[] = []) =>
    publishFigures({
      day: async () => rows,
      planner: {
        sellers: ['a', 'b'].map((name) => ({ name, sells: () => true })),
        offersOf: (service) => offers.filter((row) => row.service === service),
        state: (name) => ({
          ...unheardOf(name),
          ...(paused.includes(name) ? { paused: { at: new Date(), by: 'user:x', note: '' } } : {}),
        }),
      },
      ...{ catalogue, rules },
    });
  const unknown = { successRate: undefined, medianLatencyMs: undefined, stock: undefined };

  it('says nothing that rests on too little', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), (codes, misses) => {
        const { successRate, medianLatencyMs } = figuresOf({ codes, misses, latencies: latencies(codes, 12_000) }, [], rules);
        assert.equal(successRate === undefined, codes + misses < minNumbers);
        assert.equal(medianLatencyMs === undefined, codes < minCodes);
        if (successRate === undefined) return;
        assert.ok(Math.abs(successRate - codes / (codes + misses)) <= rateStep / 2 + 1e-4);
        assert.ok(successRate >= 0 && successRate <= 1);
        assert.ok(Math.abs(successRate / rateStep - Math.round(successRate / rateStep)) < 1e-6, 'in steps');
      }),
    );
    assert.deepEqual(figuresOf(noOutcomes, [], rules), unknown);
    assert.deepEqual(joined(noOutcomes, tally('x', 'ID', 3, 1)), { codes: 3, misses: 1, latencies: latencies(3, 12_000) });
  });

  it('countries that say too little each may say enough together', async () => {
    const figures = open([tally('telegram', 'GB', 9, 3), tally('telegram', 'ID', 9, 3)], []);
    const [here] = await figures.ofOffers([{ service: 'telegram', country: 'ID' }]);
    const [everywhere] = await figures.ofServices(['telegram']);
    assert.deepEqual([here?.successRate, everywhere?.successRate], [undefined, 0.75]);
    assert.ok(everywhere?.medianLatencyMs !== undefined && Math.abs(everywhere.medianLatencyMs - 12_000) < 2_000);
    assert.deepEqual(await figures.ofServices(['whatsapp', 'nope']), [unknown, unknown]);
  });

  it('counts the stock of those that may be asked, at no more than the list price', async () => {
    const offers = [
      offer('a', 'ID', 100),
      offer('b', 'ID', 50),
      offer('a', 'GB', 20),
      offer('b', 'US', 500, 9_000_000n),
      offer('old', 'ID', 900),
    ];
    const stocks = async (paused: readonly string[]) => {
      const figures = open([], offers, paused);
      const of = await figures.ofOffers(['ID', 'GB', 'US', 'FR'].map((country) => ({ service: 'telegram', country })));
      return [...of, ...(await figures.ofServices(['telegram']))].map(({ stock }) => stock);
    };
    assert.deepEqual(await stocks([]), [100, 20, 0, undefined, 100]);
    assert.deepEqual(await stocks(['a']), [50, 0, 0, undefined, 50]);
  });

  it('reads the day once in half a minute, and goes on with what it has while the database is away', async () => {
    const clock = testClock();
    let reads = 0;
    let away = false;
    const day = async (): Promise<readonly DayTally[]> => {
      reads += 1;
      if (away) throw new Error('away');
      return [tally('telegram', 'ID', 30, 10)];
    };
    const planner = { sellers: [], offersOf: () => [], state: unheardOf };
    const figures = publishFigures({ day: recentDay({ routes: { day }, clock }), planner, catalogue, rules });
    const rate = async () => (await figures.ofServices(['telegram']))[0]?.successRate;
    assert.deepEqual([await rate(), await rate(), reads], [0.75, 0.75, 1]);
    clock.advance(31 * secondMs);
    away = true;
    assert.deepEqual([await rate(), await rate(), reads], [0.75, 0.75, 3]);
  });
});
