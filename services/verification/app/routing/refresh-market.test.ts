import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hourMs, minuteMs, systemClock } from '#platform/time/index.ts';
import { createFiveSimMarket } from '../../adapters/five-sim/market.ts';
import { createHandlerApiMarket } from '../../adapters/handler-api/market.ts';
import { createMarketStore } from '../../adapters/postgres/routing/market.ts';
import { createRouteStore } from '../../adapters/postgres/routing/store.ts';
import { createTextVerifiedMarket } from '../../adapters/text-verified/market.ts';
import { coarse } from '../../domain/routing/stock.ts';
import { type Harness, openHarness, testCatalogue } from '../../testing/harness.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import type { MarketSource, OffersOutcome } from './ports.ts';
import { refreshMarket } from './refresh-market.ts';

const indonesia = testCatalogue.country('ID') ?? assert.fail();

describe('price lists of providers', () => {
  let simulator: RunningSimulator;
  before(async () => {
    simulator = await startSimulator();
  });
  after(() => simulator.close());
  const sources = () => {
    const { apiUrl, apiKey, fiveSimUrl, fiveSimToken, textVerifiedUrl, textVerifiedKey, textVerifiedUsername } = simulator;
    const usual = { timeoutMs: 5_000, catalogue: testCatalogue };
    return [
      createHandlerApiMarket({ url: apiUrl, apiKey, ...usual }),
      createFiveSimMarket({ url: fiveSimUrl, token: fiveSimToken, ...usual }),
      createTextVerifiedMarket({
        ...{ url: textVerifiedUrl, apiKey: textVerifiedKey, username: textVerifiedUsername, timeoutMs: 5_000, clock: systemClock },
      }),
    ];
  };

  it('are read in each protocol, in the words of the catalogue; balances too', async () => {
    await simulator.configure({ handlerApi: { costs: { tg: '0.17', telegram: '0.19' }, stock: { tg: 7, telegram: 9 } } });
    for (const source of sources()) {
      const balance = await source.balance();
      assert.ok(balance.kind === 'known' && balance.micros > 0n, source.name);
      if (source.offers) {
        const answer = await source.offers(indonesia);
        assert.equal(answer.kind, 'listed', source.name);
        const telegram = answer.kind === 'listed' ? answer.offers.find(({ service }) => service === 'telegram') : undefined;
        const expected = source.name === '5sim' ? [190_000n, 9] : [170_000n, 7];
        assert.deepEqual([telegram?.costMicros, telegram?.stock], expected, source.name);
      }
      await source.close();
    }
  });

  it('of one that does not answer are unknown', async () => {
    await simulator.configure({ handlerApi: { outage: '503' } });
    for (const source of sources()) {
      assert.equal((await source.balance()).kind, 'unknown', source.name);
      if (source.offers) assert.equal((await source.offers(indonesia)).kind, 'unknown', source.name);
      await source.close();
    }
    await simulator.configure({ handlerApi: { outage: 'off' } });
  });
});

describe('what is kept of price lists', () => {
  let h: Harness;
  before(async () => {
    h = await openHarness();
  });
  after(() => h.close());

  it('is read when due, by one replica at a time; what is named no more sells out; what cannot be read stays', async () => {
    let answer: OffersOutcome = { kind: 'listed', offers: [{ service: 'telegram', costMicros: 150_000n, stock: 789 }] };
    let reads = 0;
    const source: MarketSource = {
      name: 'handler-api',
      balance: async () => ({ kind: 'known', micros: 12_500_000n }),
      offers: async () => ((reads += 1), answer),
    };
    const unreadable: string[] = [];
    const routes = createRouteStore({ db: h.db, halfLifeMs: hourMs });
    const refresh = refreshMarket({
      ...{ sources: [source], market: createMarketStore(h.db), catalogue: { countries: [indonesia] }, clock: h.clock },
      ...{ everyMs: 5 * minuteMs, leaseMs: minuteMs },
      observer: { balance: () => {}, unreadable: (_, what) => void unreadable.push(what) },
    });
    await Promise.all([refresh(), refresh()]);
    await refresh();
    assert.equal(reads, 1);
    const news = async () => {
      h.planner.learn(await routes.news(undefined));
      return h.planner.listed('handler-api', 'telegram', 'ID');
    };
    assert.deepEqual([(await news())?.costMicros, (await news())?.stock], [150_000n, 500]);
    assert.equal(h.planner.state('handler-api').balance?.micros, 12_500_000n);
    answer = { kind: 'unknown', detail: 'away' };
    h.clock.advance(5 * minuteMs);
    await refresh();
    assert.deepEqual([(await news())?.stock, unreadable], [500, ['prices']]);
    answer = { kind: 'listed', offers: [] };
    h.clock.advance(5 * minuteMs);
    await refresh();
    assert.deepEqual([(await news())?.stock, reads], [0, 3]);
  });

  it('counts stock coarsely, and never as more than there is', () => {
    assert.deepEqual([0, -1, Number.NaN, 1, 3, 7, 10, 49, 999, 1_000].map(coarse), [0, 0, 0, 1, 2, 5, 10, 20, 500, 1_000]);
  });
});
