import type { Effect, OperatorAct, Renewal, Subscription, SubscriptionFact } from '../../domain/plans/subscription.ts';
import type { PlanId } from '../../domain/plans/plan.ts';
import type { Interval } from '../../domain/plans/plan.ts';
import type { Conflict, Keyed, PageAsk } from '../ports.ts';

/** The plan that a tenant has; the free one when it has subscribed to nothing. */
export interface PlanReader {
  planOf(tenantId: string, at: Date): Promise<PlanId>;
}

export interface RecordedAct extends OperatorAct {
  readonly at: Date;
}

/** A period as it stands in the books. */
export interface PeriodRecord {
  readonly id: string;
  readonly planId: PlanId;
  readonly interval: Interval;
  readonly start: Date;
  /** Earlier than it was paid for when a change cut it short. */
  readonly end: Date;
  readonly amountMicros: bigint;
  /** What came back when it was cut short. */
  readonly creditedMicros: bigint;
  readonly currency: string;
  readonly createdAt: Date;
}

export type ChangeResult =
  | { readonly outcome: 'done' | 'replayed'; readonly subscription: Subscription | undefined }
  | { readonly outcome: 'insufficient_credit'; readonly availableMicros: bigint; readonly requiredMicros: bigint }
  | Conflict;

/**
 * @param at the time of the command, but not before what was billed last: a decision may have waited for another, or come from a clock that is behind
 */
export type DecidePlan = (current: Subscription | undefined, at: Date) => Effect | undefined;

export interface Subscriptions {
  /** The live one. */
  current(tenantId: string): Promise<Subscription | undefined>;
  /** Whether days of usage can be told in this IANA zone. */
  knowsZone(zone: string, now: Date): Promise<boolean>;
  /**
   * Runs `decide` on the tenant's live subscription, locked, and does what it says in one transaction: credit, charge, row
   * and events, or nothing when the credit does not suffice. Undefined: nothing is to be done. What `decide` throws, it throws.
   */
  change(command: Keyed & { readonly now: Date }, decide: DecidePlan): Promise<ChangeResult>;
  /**
   * Takes one that is due, which nobody else works on, and does what `decide` says.
   * @param leftOut tenants whose turn it is not
   * @returns what happened; undefined: none is due
   */
  renewNext(
    now: Date,
    leftOut: readonly string[],
    decide: (current: Subscription) => Renewal,
  ): Promise<readonly SubscriptionFact[] | undefined>;
  /**
   * As `change`, for an operator: what is decided costs nothing, so it cannot fail for want of credit.
   * @returns false when there is no such tenant
   */
  decideFor(tenantId: string, now: Date, decide: DecidePlan): Promise<boolean>;
  /** What operators did to the tenant's plan, newest first. */
  acts(tenantId: string, limit: number): Promise<readonly RecordedAct[]>;
  /** Newest first. */
  periods(tenantId: string, page: PageAsk): Promise<{ readonly periods: readonly PeriodRecord[]; readonly nextCursor: string }>;
}

/** What operators watch. */
export interface PlanMonitor {
  subscription(fact: SubscriptionFact['kind'] | 'granted'): void;
}
