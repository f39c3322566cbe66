import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Claim, ClaimTiming, Evidence, Verdict } from '../../domain/settlement/claim.ts';
import type { ActiveActivation } from '../../domain/reconcile.ts';
import type { KnownActivation, SweepTiming } from '../../domain/settlement/stray.ts';
import type { Providers } from '../ports.ts';

export interface OpenClaims {
  readonly provider: string;
  readonly count: number;
}

/** What to sum up. */
export interface LeakageQuery {
  /** YYYY-MM-DD, UTC, both inclusive. */
  readonly from: string;
  readonly to: string;
  readonly by: ReadonlySet<Dimension>;
  readonly provider: string | undefined;
  readonly service: string | undefined;
  readonly limit: number;
}

export const dimensions = ['provider', 'service', 'day'] as const;
export type Dimension = (typeof dimensions)[number];

export interface LeakageRow {
  readonly day: string;
  readonly provider: string;
  readonly service: string;
  readonly activations: number;
  readonly lostActivations: number;
  readonly charged: Money;
  readonly refunded: Money;
  readonly claimed: Money;
  readonly lost: Money;
}

export interface SettlementStore {
  /** Leases what is due: nobody else gets these before `until`. */
  claimDue(now: Date, until: Date, limit: number): Promise<readonly Claim[]>;
  /** @returns what it is settled as: charged when a customer has paid for a late code after all; undefined: it was settled before, nothing changes */
  settle(
    claim: Claim,
    outcome: { readonly kind: 'refunded' | 'lost'; readonly evidence: Evidence; readonly at: Date },
  ): Promise<'refunded' | 'lost' | 'charged' | undefined>;
  reschedule(claim: Claim, dueAt: Date): Promise<void>;
  openClaims(): Promise<readonly OpenClaims[]>;
  report(query: LeakageQuery): Promise<readonly LeakageRow[]>;
}

export interface Sweep {
  /** When the list of the sweep before was asked for; undefined: there was none. */
  readonly before: Date | undefined;
  readonly suspects: ReadonlySet<string>;
}

export interface StrayStore {
  /** @returns undefined when it is not due, or another replica is at it */
  begin(provider: string, now: Date, until: Date): Promise<Sweep | undefined>;
  /** @param listed undefined: the list could not be read, and what was suspected before still is */
  end(provider: string, dueAt: Date, listed: { readonly askedAt: Date; readonly suspects: readonly string[] } | undefined): Promise<void>;
  /** Of these activations; those on their way back to the provider are named separately. */
  known(
    provider: string,
    activationIds: readonly string[],
  ): Promise<{
    readonly activations: readonly KnownActivation[];
    readonly returning: ReadonlySet<string>;
  }>;
  /**
   * Opens a claim on a number that nobody knows, unless by now somebody does, a purchase that was there before may still turn out to have
   * made it, or it names an order that was never ours.
   * @param since purchases that began later cannot have made it
   */
  claim(provider: string, activation: ActiveActivation, since: Date, now: Date): Promise<'claimed' | 'left'>;
  /** Compare-and-set from refunded. @returns false when there is nothing to open */
  reopen(provider: string, activationId: string, now: Date): Promise<boolean>;
}

export interface StrayObserver {
  /** A number that the provider has as active and that is not: what was done about it. */
  stray(provider: string, activationId: string, measure: 'claim' | 'finish' | 'reopen'): void;
  unreadable(provider: string, detail: string): void;
  failedSweep(provider: string, error: unknown): void;
}

export interface StrayPorts {
  readonly strays: StrayStore;
  readonly providers: readonly string[];
  readonly named: Providers['named'];
  readonly observer: StrayObserver;
  readonly clock: Clock;
  readonly timing: SweepTiming;
}

export interface SettlementObserver {
  settled(claim: Claim, kind: 'refunded' | 'lost', evidence: Evidence): void;
  open(claims: readonly OpenClaims[]): void;
  failedStep(claim: Claim, error: unknown): void;
}

export interface SettlementPorts {
  readonly settlements: SettlementStore;
  readonly providers: Pick<Providers, 'named'>;
  /** Asks about an order of a rental; left out: nobody rents numbers here. */
  readonly rentals?: (claim: Claim) => Promise<Verdict>;
  readonly observer: SettlementObserver;
  readonly clock: Clock;
  readonly timing: ClaimTiming;
}
