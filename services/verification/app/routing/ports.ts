import type { Country, Offer } from '../../domain/catalogue.ts';
import { type Circuit, closedCircuit } from '../../domain/routing/breaker.ts';
import type { Decision, Wish } from '../../domain/routing/decide.ts';
import type { Cell, RouteKey } from '../../domain/routing/evidence.ts';
import type { Tally } from '../../domain/routing/tally.ts';
import type { Reconciliation } from '../../domain/balance/reconcile.ts';
import type { Verification } from '../../domain/verification.ts';
import type { AcquireOutcome } from '../ports.ts';

/** Somebody to buy from. */
export interface Seller {
  readonly name: string;
  /** Has it a name for all of this? Says nothing about its stock. */
  sells(offer: Offer): boolean;
}

/** What a purchase needs to know and to tell. All in memory: a decision waits for nobody. */
export interface Routes {
  decide(request: { readonly id: string; readonly offer: Offer } & Pick<Wish, 'excluded' | 'preferred' | 'avoided'>): Decision;
  /** What the provider of the verification answered when it was asked for a number. */
  answered(verification: Verification, answer: AcquireOutcome): void;
  /** A verification has reached its state. */
  reached(verification: Verification): void;
}

/** What was seen of one route since the last time it was written down. */
export interface Sighted extends RouteKey {
  readonly tally: Tally;
  /** Latencies of its codes, by bucket. */
  readonly latencies: readonly number[];
}

export interface ProviderState {
  readonly provider: string;
  readonly circuit: Circuit;
  /** Rises with every change of the circuit; 0: never written. */
  readonly version: number;
  readonly paused: { readonly at: Date; readonly by: string; readonly note: string } | undefined;
  readonly balance: { readonly micros: bigint; readonly at: Date } | undefined;
  /** What the balance should have been, and what of the difference nobody can explain. */
  readonly reconciled?: (Reconciliation & { readonly at: Date }) | undefined;
  /** Its price list was read then. */
  readonly marketAt: Date | undefined;
}

/** Of a provider of which nothing was ever written. */
export const unheardOf = (provider: string): ProviderState => ({
  ...{ provider, circuit: closedCircuit, version: 0 },
  ...{ paused: undefined, balance: undefined, marketAt: undefined },
});

/** What a provider asks for one thing in one country. */
export interface ListedOffer {
  readonly provider: string;
  readonly service: string;
  readonly country: string;
  readonly costMicros: bigint;
  /** Coarse: 1, 2, 5, 10, 20, 50 … or 0. */
  readonly stock: number;
}

/** What has changed since the last look. */
export interface News {
  readonly cells: readonly Cell[];
  readonly offers: readonly ListedOffer[];
  readonly providers: readonly ProviderState[];
  /** Where the next look begins. */
  readonly until: Date;
}

/** What became of the numbers of one service and country. */
export interface DayTally {
  readonly service: string;
  readonly country: string;
  readonly codes: number;
  readonly misses: number;
  /** Codes by latency. */
  readonly latencies: readonly number[];
}

/** The names of providers for customers: always the same, and telling nothing. */
export interface RouteCodes {
  of(provider: string): string;
  /** @returns undefined for a code that is no provider's */
  provider(code: string): string | undefined;
}

export interface RouteStore {
  /** Adds to what is known of each route, aged to `at`, and to its hour. */
  record(sighted: readonly Sighted[], at: Date): Promise<void>;
  /** @param since of the news before; undefined: everything */
  news(since: Date | undefined): Promise<News>;
  /** Compare-and-set on the version. @returns false when another replica was faster */
  publishCircuit(provider: string, circuit: Circuit, version: number): Promise<boolean>;
  /** @param paused undefined: it may be asked again */
  pause(provider: string, paused: ProviderState['paused']): Promise<void>;
  /** By service and country, over all providers, in the order of their codes. */
  day(since: Date): Promise<readonly DayTally[]>;
  forgetHours(before: Date): Promise<void>;
}

export type BalanceOutcome = { readonly kind: 'known'; readonly micros: bigint } | { readonly kind: 'unknown'; readonly detail: string };
export type OffersOutcome =
  /** All of the catalogue that it sells in the country. */
  | { readonly kind: 'listed'; readonly offers: readonly Omit<ListedOffer, 'provider' | 'country'>[] }
  | { readonly kind: 'unknown'; readonly detail: string };

/** What a provider says of itself. No method throws, and every call has a time-out. */
export interface MarketSource {
  readonly name: string;
  balance(): Promise<BalanceOutcome>;
  /** undefined: it has no price list to read. */
  readonly offers: ((country: Country) => Promise<OffersOutcome>) | undefined;
}

export interface MarketStore {
  /** @returns false when it is not due, or another replica is at it */
  claim(provider: string, now: Date, until: Date): Promise<boolean>;
  release(provider: string, read: { balance: ProviderState['balance']; readAt: Date | undefined; dueAt: Date }): Promise<void>;
  replace(provider: string, country: string, offers: readonly Omit<ListedOffer, 'provider' | 'country'>[]): Promise<void>;
}

export interface MarketObserver {
  balance(provider: string, micros: bigint): void;
  unreadable(provider: string, what: 'balance' | 'prices', detail: string): void;
}

/** What those who run the platform want to know of routing. */
export interface RouteObserver {
  /** A provider said no, for this reason. */
  refused(provider: string, reason: string): void;
  circuit(provider: string, state: Circuit['state']): void;
  decided(verdict: string): void;
}
