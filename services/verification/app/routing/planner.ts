import type { Clock } from '#platform/time/index.ts';
import { after, type BreakerRules, type Circuit, stateAt, usualBreaker } from '../../domain/routing/breaker.ts';
import { type Choice, decide, type RoutingRules, usualRules } from '../../domain/routing/decide.ts';
import { estimate } from '../../domain/routing/estimate.ts';
import { createEvidence, type Evidence } from '../../domain/routing/evidence.ts';
import { bucketCount, bucketOf } from '../../domain/routing/histogram.ts';
import { none, plus, type Sighting, type Tally, tallyOf } from '../../domain/routing/tally.ts';
import type { Verification } from '../../domain/verification.ts';
import type { AcquireOutcome } from '../ports.ts';
import {
  type ListedOffer,
  type News,
  type ProviderState,
  type RouteObserver,
  type Routes,
  type Seller,
  type Sighted,
  unheardOf,
} from './ports.ts';

export interface PlannerOptions {
  /** In the order of preference, as long as nothing is known of them. */
  readonly sellers: readonly Seller[];
  readonly clock: Clock;
  readonly halfLifeMs: number;
  /** Providers asked at most for one purchase. */
  readonly attempts: number;
  readonly observer: RouteObserver;
  readonly rules?: RoutingRules;
  readonly breaker?: BreakerRules;
}

/** A circuit that others do not know of yet, and the version that they know. */
export interface ChangedCircuit {
  readonly provider: string;
  readonly circuit: Circuit;
  readonly version: number;
}

/** Knowledge of the market in memory, the decisions that are taken from it, and what is still to be written down. */
export interface Planner extends Routes {
  readonly sellers: readonly Seller[];
  /** Hands over what was seen and is not written down yet. */
  drain(): readonly Sighted[];
  /** Takes back what could not be written down. */
  restore(sighted: readonly Sighted[]): void;
  /** Until it is learnt that they are known, or that another replica knew better. */
  changedCircuits(): readonly ChangedCircuit[];
  learn(news: News): void;
  readonly evidence: Evidence;
  state(provider: string): ProviderState;
  listed(provider: string, service: string, country: string): ListedOffer | undefined;
  /** Of all providers that list it, in every country. */
  offersOf(service: string): readonly ListedOffer[];
}

const offerName = (provider: string, service: string, country: string): string => `${provider} ${service} ${country}`;

/** Answers that say something of the provider's health, whatever they say of its stock. */
const healthOf = (answer: AcquireOutcome): 'sound' | 'fault' =>
  answer.kind === 'unknown' || (answer.kind === 'refused' && (answer.reason === 'unreachable' || answer.reason === 'account'))
    ? 'fault'
    : 'sound';

const sightingOf = (answer: AcquireOutcome): Sighting =>
  answer.kind === 'granted' ? { kind: 'granted', costMicros: answer.costMicros } : { kind: answer.kind };

/** What an end tells of the route; a number that was found after a lost answer counts as given when it is found. */
const endOf = (verification: Verification): Sighting | undefined => {
  const { state, createdAt, receivedAt, endedAt, codes } = verification;
  const since = (at: Date | undefined): number => Math.max(0, (at ?? createdAt).getTime() - createdAt.getTime());
  switch (state) {
    case 'received':
      // A further code on the number tells nothing new of the route.
      return codes > 1 ? undefined : { kind: 'code', latencyMs: since(receivedAt) };
    case 'expired':
      return { kind: 'missed' };
    case 'cancelled':
      return { kind: 'cancelled', waitedMs: since(endedAt) };
    case 'reserving':
    case 'unknown':
    case 'waiting':
    case 'cancelling':
    case 'retrying':
    case 'completed':
    case 'failed':
      return undefined;
  }
};

export const createPlanner = (options: PlannerOptions): Planner => {
  const { sellers, clock, halfLifeMs, attempts, observer, rules = usualRules, breaker = usualBreaker } = options;
  const evidence = createEvidence(halfLifeMs);
  const states = new Map<string, ProviderState>();
  const offers = new Map<string, ListedOffer>();
  const offersByService = new Map<string, Map<string, ListedOffer>>();
  const changed = new Set<string>();
  let pending = new Map<string, Sighted>();

  const stateOf = (provider: string): ProviderState => states.get(provider) ?? unheardOf(provider);
  const listed = (provider: string, service: string, country: string): ListedOffer | undefined =>
    offers.get(offerName(provider, service, country));

  const note = ({ provider, service, country, operator }: Verification, tally: Tally, bucket: number | undefined): void => {
    const name = `${offerName(provider, service, country)} ${operator}`;
    const before = pending.get(name);
    const latencies = [...(before?.latencies ?? Array.from({ length: bucketCount }, () => 0))];
    if (bucket !== undefined) latencies[bucket] = (latencies[bucket] ?? 0) + 1;
    pending.set(name, { ...{ provider, service, country, operator }, tally: plus(before?.tally ?? none, tally), latencies });
  };
  const see = (verification: Verification, sighting: Sighting): void =>
    note(verification, tallyOf(sighting), sighting.kind === 'code' ? bucketOf(sighting.latencyMs) : undefined);

  return {
    sellers,
    evidence,
    state: stateOf,
    listed,
    offersOf: (service) => [...(offersByService.get(service)?.values() ?? [])],
    decide: ({ id, offer, ...wishes }) => {
      const now = clock.now();
      const { service, country, operator } = offer;
      const choices = sellers
        .filter((seller) => seller.sells(offer))
        .map(({ name: provider }): Choice => {
          const { circuit, paused } = stateOf(provider);
          const key = { provider, service: service.code, country: country.code, operator };
          return {
            provider,
            estimate: estimate(evidence.ladder(key, now)),
            listed: listed(provider, service.code, country.code),
            circuit: stateAt(circuit, now),
            paused: paused !== undefined,
          };
        });
      const decision = decide({ id, maxCostMicros: offer.price.micros, attempts, ...wishes }, choices, rules);
      observer.decided(decision.candidates.find(({ provider }) => provider === decision.order[0])?.verdict ?? 'nobody');
      return decision;
    },
    answered: (verification, answer) => {
      see(verification, sightingOf(answer));
      const { provider } = verification;
      if (answer.kind === 'refused') observer.refused(provider, answer.reason);
      const before = stateOf(provider);
      const circuit = after(before.circuit, healthOf(answer), clock.now(), breaker);
      if (circuit === before.circuit) return;
      states.set(provider, { ...before, circuit });
      if (circuit.state === before.circuit.state && circuit.openUntil?.getTime() === before.circuit.openUntil?.getTime()) return;
      changed.add(provider);
      observer.circuit(provider, circuit.state);
    },
    reached: (verification) => {
      const sighting = endOf(verification);
      if (sighting) see(verification, sighting);
    },
    drain: () => {
      const drained = [...pending.values()];
      pending = new Map();
      return drained;
    },
    restore: (sighted) => {
      for (const { latencies, tally, ...key } of sighted) {
        const name = `${offerName(key.provider, key.service, key.country)} ${key.operator}`;
        const since = pending.get(name);
        pending.set(name, {
          ...key,
          tally: plus(tally, since?.tally ?? none),
          latencies: latencies.map((count, bucket) => count + (since?.latencies[bucket] ?? 0)),
        });
      }
    },
    changedCircuits: () =>
      [...changed].map((provider) => {
        const { circuit, version } = stateOf(provider);
        return { provider, circuit, version };
      }),
    learn: (news) => {
      for (const cell of news.cells) evidence.learn(cell);
      for (const offer of news.offers) {
        const name = offerName(offer.provider, offer.service, offer.country);
        offers.set(name, offer);
        const ofService = offersByService.get(offer.service) ?? new Map<string, ListedOffer>();
        offersByService.set(offer.service, ofService.set(name, offer));
      }
      // Of a provider that is named no more, a switch was lifted.
      for (const { name } of sellers)
        if (stateOf(name).paused && news.providers.every(({ provider }) => provider !== name))
          states.set(name, { ...stateOf(name), paused: undefined });
      for (const state of news.providers) {
        const own = stateOf(state.provider);
        const newer = state.version > own.version;
        if (newer) changed.delete(state.provider);
        states.set(state.provider, { ...state, circuit: newer ? state.circuit : own.circuit });
        if (newer) observer.circuit(state.provider, stateAt(state.circuit, clock.now()));
      }
    },
  };
};
