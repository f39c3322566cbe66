/**
 * What has been seen of a route, each observation counting half after every half-life. Decay is linear: tallies of one moment can be
 * added and taken from each other, so a parent is the sum of its children.
 */
export interface Tally {
  /** Numbers given. */
  readonly granted: number;
  /** Asked for a number and got none. */
  readonly refused: number;
  /** Asked, and the answer got lost. */
  readonly unknown: number;
  readonly codes: number;
  /** Numbers that had their time and got no code. */
  readonly misses: number;
  /** Sum of ln(ms) from purchase to code, over `codes`: the mean of it is the median of a skewed distribution. */
  readonly lnLatencyMs: number;
  /** Sum of what the provider asked for, over `granted`. */
  readonly costMicros: number;
}

export const none: Tally = { granted: 0, refused: 0, unknown: 0, codes: 0, misses: 0, lnLatencyMs: 0, costMicros: 0 };

export const tallyFields = ['granted', 'refused', 'unknown', 'codes', 'misses', 'lnLatencyMs', 'costMicros'] as const;

const each = (of: (field: (typeof tallyFields)[number]) => number): Tally => ({
  granted: of('granted'),
  refused: of('refused'),
  unknown: of('unknown'),
  codes: of('codes'),
  misses: of('misses'),
  lnLatencyMs: of('lnLatencyMs'),
  costMicros: of('costMicros'),
});

export const plus = (a: Tally, b: Tally): Tally => each((field) => a[field] + b[field]);

/** Never below nothing: rounding must not make evidence negative. */
export const minus = (a: Tally, b: Tally): Tally => each((field) => Math.max(0, a[field] - b[field]));

/** The same observations, seen that much later. */
export const aged = (tally: Tally, ms: number, halfLifeMs: number): Tally => {
  const share = 0.5 ** (Math.max(0, ms) / halfLifeMs);
  return each((field) => tally[field] * share);
};

/** One purchase's step, as it counts. */
export type Sighting =
  | { readonly kind: 'granted'; readonly costMicros: bigint }
  | { readonly kind: 'refused' | 'unknown' | 'missed' }
  | { readonly kind: 'code'; readonly latencyMs: number }
  /** The customer took it back after that long. */
  | { readonly kind: 'cancelled'; readonly waitedMs: number };

/** A customer who gives up after a minute or two tells of a slow route, one who does at once of nothing. */
const patienceMs = 120_000;

export const tallyOf = (sighting: Sighting): Tally => {
  switch (sighting.kind) {
    case 'granted':
      return { ...none, granted: 1, costMicros: Number(sighting.costMicros) };
    case 'refused':
      return { ...none, refused: 1 };
    case 'unknown':
      return { ...none, unknown: 1 };
    case 'missed':
      return { ...none, misses: 1 };
    case 'code':
      return { ...none, codes: 1, lnLatencyMs: Math.log(Math.max(1, sighting.latencyMs)) };
    case 'cancelled':
      return { ...none, misses: 0.5 * Math.min(1, Math.max(0, sighting.waitedMs) / patienceMs) };
  }
};
