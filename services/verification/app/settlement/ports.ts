import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Claim, ClaimTiming, Evidence, Verdict } from '../../domain/settlement/claim.ts';
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
