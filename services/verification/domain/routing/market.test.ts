/**
 * A market of providers whose real rates, prices and latencies nobody tells us, and which change while we buy. What the rules of routing
 * earn against those who always take the cheapest, or always the same.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { decide, type RoutingRules, usualRules } from './decide.ts';
import { estimate } from './estimate.ts';
import { createEvidence } from './evidence.ts';
import { aged, none, plus, type Tally, tallyOf } from './tally.ts';

const halfLifeMs = 3 * 60 * minuteMs;
const purchases = 12_000;
const everyMs = 10 * secondMs;
const seeds = [1, 7, 42, 1_000, 20_261_121];

/** mulberry32 */
const dice = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

interface Seller {
  readonly provider: string;
  readonly costMicros: number;
  /** Of each third of the time. */
  readonly rates: readonly [number, number, number];
  readonly stock: number;
  readonly latencyMs: number;
}

/** The cheapest is bad; the best of the first third gets bad, and another one good. */
const marketOf = (random: () => number): readonly Seller[] => {
  const near = (value: number, spread: number): number => value + (random() - 0.5) * spread;
  return [
    {
      provider: 'cheap',
      costMicros: near(100_000, 10_000),
      rates: [near(0.15, 0.06), near(0.2, 0.06), near(0.15, 0.06)],
      stock: 0.95,
      latencyMs: 60_000,
    },
    {
      provider: 'fading',
      costMicros: near(150_000, 20_000),
      rates: [near(0.9, 0.1), near(0.35, 0.1), near(0.3, 0.1)],
      stock: 0.97,
      latencyMs: 12_000,
    },
    {
      provider: 'rising',
      costMicros: near(160_000, 20_000),
      rates: [near(0.4, 0.1), near(0.55, 0.1), near(0.9, 0.1)],
      stock: 0.9,
      latencyMs: 15_000,
    },
    {
      provider: 'steady',
      costMicros: near(210_000, 20_000),
      rates: [near(0.75, 0.06), near(0.75, 0.06), near(0.75, 0.06)],
      stock: 0.99,
      latencyMs: 20_000,
    },
    {
      provider: 'scarce',
      costMicros: near(140_000, 10_000),
      rates: [near(0.85, 0.1), near(0.85, 0.1), near(0.85, 0.1)],
      stock: 0.05,
      latencyMs: 10_000,
    },
  ];
};

type Strategy = (id: string, now: Date) => readonly string[];

interface Result {
  readonly codes: number;
  /** What providers get, for each code that came. */
  readonly paidPerCode: number;
  /** The same and what customers waited for in vain, as the usual rules count it. */
  readonly fullPerCode: number;
}

/** Whoever is first in the order and has a number sells it; a number without a code is paid for its lost share. */
const play = (
  seed: number,
  sellers: readonly Seller[],
  strategy: Strategy,
  learn: (provider: string, tally: Tally, now: Date) => void,
): Result => {
  const random = dice(seed);
  let [codes, misses, paidMicros] = [0, 0, 0];
  for (let turn = 0; turn < purchases; turn++) {
    const now = addMs(new Date('2026-11-21T00:00:00Z'), turn * everyMs);
    const [stockRoll, codeRoll] = [random(), random()];
    for (const name of strategy(`purchase ${turn} of ${seed}`, now)) {
      const seller = sellers.find(({ provider }) => provider === name) ?? assert.fail();
      if (stockRoll > seller.stock) {
        learn(name, tallyOf({ kind: 'refused' }), now);
        continue;
      }
      learn(name, tallyOf({ kind: 'granted', costMicros: BigInt(Math.round(seller.costMicros)) }), now);
      const got = codeRoll < (seller.rates[Math.floor((3 * turn) / purchases)] ?? 0);
      learn(name, tallyOf(got ? { kind: 'code', latencyMs: seller.latencyMs } : { kind: 'missed' }), now);
      codes += got ? 1 : 0;
      misses += got ? 0 : 1;
      paidMicros += got ? seller.costMicros : seller.costMicros * usualRules.lostShare;
      break;
    }
  }
  return { codes, paidPerCode: paidMicros / codes, fullPerCode: (paidMicros + misses * usualRules.missMicros) / codes };
};

const routed = (seed: number, sellers: readonly Seller[], rules: RoutingRules): Result => {
  const evidence = createEvidence(halfLifeMs);
  const own = new Map<string, { tally: Tally; asOf: Date }>();
  const routeOf = (provider: string) => ({ provider, service: 'telegram', country: 'ID', operator: '' });
  return play(
    seed,
    sellers,
    (id, now) =>
      decide(
        { id, maxCostMicros: 900_000n, excluded: [], attempts: 3 },
        sellers.map(({ provider, costMicros }) => ({
          provider,
          estimate: estimate(evidence.ladder(routeOf(provider), now)),
          listed: { costMicros: BigInt(Math.round(costMicros)), stock: 10 },
          circuit: 'closed',
          paused: false,
        })),
        rules,
      ).order,
    (provider, tally, now) => {
      const before = own.get(provider) ?? { tally: none, asOf: now };
      const next = { tally: plus(aged(before.tally, now.getTime() - before.asOf.getTime(), halfLifeMs), tally), asOf: now };
      own.set(provider, next);
      evidence.learn({ ...routeOf(provider), ...next });
    },
  );
};

/** Rules that count money only: a customer who waits in vain costs nothing. */
const moneyOnly: RoutingRules = { ...usualRules, missMicros: 0, minuteMicros: 0, refusalMicros: 0 };

describe('routing in a market that drifts', () => {
  for (const seed of seeds) {
    const sellers = marketOf(dice(seed));
    const byPrice = sellers.toSorted((a, b) => a.costMicros - b.costMicros);
    /** The same first for ever, the cheapest after it. */
    const always = (first: Seller): Result =>
      play(
        seed,
        sellers,
        () => [first, ...byPrice.filter((one) => one !== first)].map(({ provider }) => provider).slice(0, 3),
        () => {},
      );
    const rivals = (): Readonly<Record<string, Result>> => Object.fromEntries(byPrice.map((first) => [first.provider, always(first)]));
    const compare = (rules: RoutingRules, measure: 'paidPerCode' | 'fullPerCode'): void => {
      const router = routed(seed, sellers, rules);
      const others = rivals();
      const shown = (name: string, result: Result): string => `${name} ${(result[measure] / 10_000).toFixed(2)} c (${result.codes} codes)`;
      const figures = [shown('router', router), ...Object.entries(others).map(([name, result]) => shown(name, result))].join(' · ');
      console.log(`seed ${seed}, ${measure}: ${figures}`);
      for (const result of Object.values(others)) assert.ok(router[measure] < result[measure], figures);
    };

    it(`pays providers less for a code than the cheapest first or any other first (seed ${seed})`, () => compare(moneyOnly, 'paidPerCode'));
    it(`with what a vain wait costs: less than the cheapest first or any other first (seed ${seed})`, () =>
      compare(usualRules, 'fullPerCode'));
  }
});
