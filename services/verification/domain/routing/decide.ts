import type { CircuitState } from './breaker.ts';
import { deviationOf, type Estimate, meanOf } from './estimate.ts';
import { fractionOf } from './fraction.ts';

/** One provider that sells what is wanted, with all that is known of it at the moment of the decision. */
export interface Choice {
  readonly provider: string;
  readonly estimate: Estimate;
  /** Of its price list; undefined when that says nothing. */
  readonly listed: { readonly costMicros: bigint; readonly stock: number } | undefined;
  readonly circuit: CircuitState;
  readonly paused: boolean;
}

export interface Wish {
  /** Of the purchase: the source of its chance. */
  readonly id: string;
  /** The most that a provider may ask for. */
  readonly maxCostMicros: bigint;
  /** Providers that the customer does not want. */
  readonly excluded: readonly string[];
  /** Those that the customer wants to be asked first. */
  readonly preferred?: readonly string[];
  /** Those to ask only when there is no other: the first number of a retry came from there. */
  readonly avoided?: readonly string[];
  /** Providers asked at most, one after the other. */
  readonly attempts: number;
}

/** In micros of the catalogue's currency. */
export interface RoutingRules {
  /** Share of purchases that may go to a route which could be better than the best that is known. */
  readonly exploreShare: number;
  /** Share of purchases that try a half-open provider. */
  readonly probeShare: number;
  /** Of the cost of a number without a code: what the provider keeps. Resellers get seven of ten back. */
  readonly lostShare: number;
  /** What a number without a code costs besides: a customer waits in vain. */
  readonly missMicros: number;
  /** What each minute of waiting for a code costs. */
  readonly minuteMicros: number;
  /** What asking in vain costs. */
  readonly refusalMicros: number;
}

export const usualRules: RoutingRules = {
  exploreShare: 0.05,
  probeShare: 0.1,
  lostShare: 0.3,
  missMicros: 50_000,
  minuteMicros: 10_000,
  refusalMicros: 2_000,
};

/** Closed: why a provider stands where it stands. */
const verdicts = [
  'best',
  'preferred',
  'explored',
  'probed',
  'next',
  'avoided',
  'doubtful_stock',
  'doubtful_price',
  'circuit_open',
  'last_resort',
  'paused',
  'excluded',
] as const;
export type Verdict = (typeof verdicts)[number];

export interface Candidate {
  readonly provider: string;
  readonly verdict: Verdict;
  /** Expected cost of one received code, in micros: the lower the better. */
  readonly score: number;
  /** Expected share of numbers that get a code. */
  readonly rate: number;
  /** How many observations that rests on, those of today counting most. */
  readonly observations: number;
  readonly costMicros: number;
  readonly latencyMs: number;
  readonly stock: number | undefined;
  readonly circuit: CircuitState;
}

export interface Decision {
  /** Who is asked, in this order. Empty: nobody may be. */
  readonly order: readonly string[];
  /** Everybody that sells it, best first. */
  readonly candidates: readonly Candidate[];
}

const floorRate = 0.01;

/** What one received code is expected to cost at this rate of success. */
const costPerCode = (rate: number, costMicros: number, { availability, latencyMs }: Estimate, rules: RoutingRules): number => {
  const success = Math.max(floorRate, rate);
  const misses = (1 - success) / success;
  const waiting = (rules.minuteMicros * latencyMs) / 60_000;
  const asking = (rules.refusalMicros * (1 - availability)) / Math.max(floorRate, availability);
  return costMicros + misses * (costMicros * rules.lostShare + rules.missMicros) + waiting + asking;
};

/** One-sided, 95%: how good a route may well be. */
const hope = 1.645;

interface Weighed {
  readonly choice: Choice;
  readonly costMicros: number;
  readonly score: number;
  /** The score if the route is as good as it may well be. */
  readonly hoped: number;
}

/** The dearest known stands for what nobody knows: no route is cheap by silence. */
const costsOf = (choices: readonly Choice[], maxCostMicros: bigint): ReadonlyMap<string, number> => {
  const known = choices.map(
    ({ provider, listed, estimate }) => [provider, listed ? Number(listed.costMicros) : estimate.costMicros] as const,
  );
  const dearest = Math.max(0, ...known.map(([, cost]) => cost ?? 0)) || Number(maxCostMicros);
  return new Map(known.map(([provider, cost]) => [provider, cost ?? dearest]));
};

/**
 * Who is asked for a number, and why. Pure: the same purchase, knowledge and rules decide the same.
 * Usable routes come first, by expected cost of a code; then those whose price list speaks against them. One with an open circuit is
 * asked only when there is no other: with everybody down, a try is better than a refusal. Wishes go before the expected cost, and no
 * wish makes an unusable route usable.
 */
export const decide = (wish: Wish, choices: readonly Choice[], rules: RoutingRules = usualRules): Decision => {
  const { excluded, preferred = [], avoided = [] } = wish;
  const costs = costsOf(choices, wish.maxCostMicros);
  const weighed = choices
    .map((choice): Weighed => {
      const { estimate } = choice;
      const rate = meanOf(estimate.success);
      const costMicros = costs.get(choice.provider) ?? 0;
      const hopedRate = Math.min(1, rate + hope * deviationOf(estimate.success));
      const scoreAt = (at: number): number => costPerCode(at, costMicros, estimate, rules);
      return { choice, costMicros, score: scoreAt(rate), hoped: scoreAt(hopedRate) };
    })
    .toSorted((a, b) => a.score - b.score || (a.choice.provider < b.choice.provider ? -1 : 1));

  const barred = new Map<string, Verdict>();
  const doubts = new Map<string, Verdict>();
  const asleep: Weighed[] = [];
  const probes: Weighed[] = [];
  const usable: Weighed[] = [];
  const liked: Weighed[] = [];
  const shunned: Weighed[] = [];
  const probing = fractionOf(wish.id, 'probe') < rules.probeShare;
  for (const one of weighed) {
    const { provider, paused, circuit, listed } = one.choice;
    if (excluded.includes(provider)) barred.set(provider, 'excluded');
    else if (paused) barred.set(provider, 'paused');
    else if (circuit === 'open' || (circuit === 'half_open' && !probing)) asleep.push(one);
    else if (listed && listed.stock <= 0) doubts.set(provider, 'doubtful_stock');
    else if (listed && listed.costMicros > wish.maxCostMicros) doubts.set(provider, 'doubtful_price');
    else if (preferred.includes(provider)) liked.push(one);
    else if (avoided.includes(provider)) shunned.push(one);
    else if (circuit === 'half_open') probes.push(one);
    else usable.push(one);
  }

  const [best, ...others] = usable;
  const explored =
    best !== undefined && liked.length === 0 && fractionOf(wish.id, 'explore') < rules.exploreShare
      ? pick(
          others.filter(({ hoped }) => hoped < best.score),
          fractionOf(wish.id, 'which'),
        )
      : undefined;
  const doubtful = weighed.filter(({ choice }) => doubts.has(choice.provider));
  const plain = [...probes, ...(explored ? [explored] : []), ...usable.filter((one) => one !== explored)];
  const awake = [...liked, ...plain, ...shunned, ...doubtful];
  const lastResort = awake.length === 0 ? asleep.slice(0, 1) : [];
  const order = [...awake, ...lastResort].map(({ choice }) => choice.provider).slice(0, wish.attempts);

  const wished = new Map<Weighed, Verdict>([
    ...liked.map((one) => [one, 'preferred'] as const),
    ...shunned.map((one) => [one, 'avoided'] as const),
  ]);
  const verdictOf = (one: Weighed): Verdict =>
    barred.get(one.choice.provider) ??
    doubts.get(one.choice.provider) ??
    (lastResort.includes(one)
      ? 'last_resort'
      : asleep.includes(one)
        ? 'circuit_open'
        : probes.includes(one)
          ? 'probed'
          : (wished.get(one) ?? (one === explored ? 'explored' : one === best ? 'best' : 'next')));
  const place = ({ choice }: Weighed): number => {
    const at = order.indexOf(choice.provider);
    return at < 0 ? order.length : at;
  };
  return {
    order,
    candidates: weighed.toSorted((a, b) => place(a) - place(b)).map((one) => candidateOf(one, verdictOf(one))),
  };
};

const pick = <T>(from: readonly T[], fraction: number): T | undefined => from[Math.floor(fraction * from.length)];

const candidateOf = ({ choice, costMicros, score }: Weighed, verdict: Verdict): Candidate => ({
  provider: choice.provider,
  verdict,
  score: Math.round(score),
  rate: Math.round(meanOf(choice.estimate.success) * 1_000) / 1_000,
  observations: Math.round(choice.estimate.observations * 10) / 10,
  costMicros: Math.round(costMicros),
  latencyMs: Math.round(choice.estimate.latencyMs),
  stock: choice.listed?.stock,
  circuit: choice.circuit,
});
