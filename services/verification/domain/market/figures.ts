import { medianOf } from '../routing/histogram.ts';
import { coarse } from '../routing/stock.ts';
import type { MarketRules } from './rules.ts';

/** What became of numbers: of one service and country, or of a service everywhere. */
export interface Outcomes {
  readonly codes: number;
  readonly misses: number;
  /** Codes by latency: the buckets of domain/routing/histogram.ts. */
  readonly latencies: readonly number[];
}

/** As everybody may read it. Undefined: not known well enough to say; never a guess. */
export interface Figures {
  /** Share of the last day's numbers that got a code. */
  readonly successRate: number | undefined;
  /** From purchase to code. */
  readonly medianLatencyMs: number | undefined;
  /** Numbers that can be had at the list price now; 0: sold out; undefined: no price list says. */
  readonly stock: number | undefined;
}

export const noOutcomes: Outcomes = { codes: 0, misses: 0, latencies: [] };

export const joined = (a: Outcomes, b: Outcomes): Outcomes => {
  const [longer, shorter] = a.latencies.length >= b.latencies.length ? [a.latencies, b.latencies] : [b.latencies, a.latencies];
  return {
    codes: a.codes + b.codes,
    misses: a.misses + b.misses,
    latencies: longer.map((count, bucket) => count + (shorter[bucket] ?? 0)),
  };
};

const inSteps = (value: number, step: number): number => Number((Math.round(value / step) * step).toFixed(4));

export const figuresOf = (outcomes: Outcomes, stocks: readonly number[], { published }: MarketRules): Figures => {
  const { codes, misses, latencies } = outcomes;
  const median = codes >= published.minCodes ? medianOf(latencies) : undefined;
  return {
    successRate: codes + misses >= published.minNumbers ? inSteps(codes / (codes + misses), published.rateStep) : undefined,
    medianLatencyMs: median === undefined ? undefined : Number(median.toPrecision(published.latencyDigits)),
    stock: stocks.length === 0 ? undefined : coarse(stocks.reduce((sum, stock) => sum + stock, 0)),
  };
};
