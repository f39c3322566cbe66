import type { Ladder } from './evidence.ts';

/** A rate as a beta distribution. */
export interface Posterior {
  readonly alpha: number;
  readonly beta: number;
}

/** Before anything is known: resellers report 70 to 85 codes of a hundred numbers. Worth two observations. */
const first: Posterior = { alpha: 1.5, beta: 0.5 };
/** How many observations of its own a level must have to count as much as what it borrows. */
const borrowed = 8;
/** What a median of latencies is taken for before there is one. */
const usualLatencyMs = 25_000;

export const meanOf = ({ alpha, beta }: Posterior): number => alpha / (alpha + beta);

export const deviationOf = ({ alpha, beta }: Posterior): number => {
  const sum = alpha + beta;
  return Math.sqrt((alpha * beta) / (sum * sum * (sum + 1)));
};

/** Widest first: each level starts from the mean of the one above it, worth `borrowed` observations, and adds its own. */
const descend = (counts: readonly { yes: number; no: number }[]): Posterior =>
  counts.reduce<Posterior>((parent, { yes, no }, depth) => {
    const weight = depth === 0 ? parent.alpha + parent.beta : borrowed;
    const mean = meanOf(parent);
    return { alpha: weight * mean + yes, beta: weight * (1 - mean) + no };
  }, first);

export interface Estimate {
  /** Of the numbers given, those that get a code. */
  readonly success: Posterior;
  /** Of the times asked, those that give a number. */
  readonly availability: number;
  readonly latencyMs: number;
  /** Observed codes and misses of this very route, aged: what is left of them as evidence. */
  readonly observations: number;
  /** What numbers of this route have cost; undefined when there were none. */
  readonly costMicros: number | undefined;
}

export const estimate = (ladder: Ladder): Estimate => {
  const own = ladder.at(-1);
  const latency = ladder.reduce(
    (above, { codes, lnLatencyMs }) => (above * borrowed + lnLatencyMs) / (borrowed + codes),
    Math.log(usualLatencyMs),
  );
  return {
    success: descend(ladder.map(({ codes, misses }) => ({ yes: codes, no: misses }))),
    availability: meanOf(descend(ladder.map(({ granted, refused, unknown }) => ({ yes: granted, no: refused + unknown })))),
    latencyMs: Math.exp(latency),
    observations: (own?.codes ?? 0) + (own?.misses ?? 0),
    costMicros: own !== undefined && own.granted > 0.01 ? own.costMicros / own.granted : undefined,
  };
};
