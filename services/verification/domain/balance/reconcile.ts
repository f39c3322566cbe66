/**
 * What an account at a provider should hold: what it held once, less what purchases cost since, plus what came back, plus what operators
 * put in. All of it is counted by our own facts, so what is left over is what we do not know of.
 */
export interface DriftRules {
  /** What may be left over in any case, in micros. */
  readonly floorMicros: bigint;
  /** And this share of what purchases cost in the time. */
  readonly sharePercent: number;
}

/** A reading that the expectation is counted from. */
export interface Baseline {
  readonly at: Date;
  readonly balanceMicros: bigint;
  /** What was unexplained by then. */
  readonly driftMicros: bigint;
}

/** Facts of a span of time, in micros. */
export interface Movements {
  /** Of purchases, whatever became of them. */
  readonly costs: bigint;
  /** That providers have confirmed. */
  readonly refunds: bigint;
  /** That they may have given back already, and not said so. */
  readonly claimed: bigint;
  /** Prices of purchases of which we do not know yet whether they were made. */
  readonly pending: bigint;
  /** Top-ups and corrections, with their signs. */
  readonly adjustments: bigint;
}

export interface Reconciliation {
  readonly expectedMicros: bigint;
  /** More (or, below zero, less) money than can be explained. */
  readonly driftMicros: bigint;
  /** What may be left over. */
  readonly limitMicros: bigint;
}

const expectedOf = (base: Baseline, { costs, refunds, adjustments }: Movements): bigint =>
  base.balanceMicros - base.driftMicros - costs + refunds + adjustments;

/** What the next baseline carries on as unexplained: by then every claim and purchase has its end. */
export const carriedDrift = (base: Baseline, balanceMicros: bigint, movements: Movements): bigint =>
  balanceMicros - expectedOf(base, movements);

export const reconcile = (base: Baseline, balanceMicros: bigint, movements: Movements, rules: DriftRules): Reconciliation => {
  const expectedMicros = expectedOf(base, movements);
  const over = balanceMicros - expectedMicros;
  const { claimed, pending, costs } = movements;
  // What is not decided yet explains what it may come to.
  const driftMicros = over > claimed ? over - claimed : over < -pending ? over + pending : 0n;
  const share = (costs * BigInt(Math.round(rules.sharePercent * 100))) / 10_000n;
  return { expectedMicros, driftMicros, limitMicros: share > rules.floorMicros ? share : rules.floorMicros };
};
