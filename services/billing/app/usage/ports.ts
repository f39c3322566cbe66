import type { Rated } from '../../domain/usage-rating.ts';
import type { UsageEvent } from '../../domain/usage-events.ts';
import type { Meter } from '../../domain/usage-meters.ts';
import type { PageAsk } from '../ports.ts';

/** What a tenant has subscribed to, as far as usage needs it. */
export interface UsageSubscriptions {
  /** The plan whose included quantities and prices count at `at`; 'starter' when nothing else. */
  planOf(tenantId: string, at: Date): Promise<string>;
  /** The billed period that `at` lies in; undefined: no subscription then, and the calendar month in `zone` counts. */
  periodOf(tenantId: string, at: Date): Promise<{ readonly startsAt: Date; readonly endsAt: Date } | undefined>;
  /** Of the subscription, else of the billing details; 'UTC' when the tenant has not said. */
  zoneOf(tenantId: string): Promise<string>;
}

export interface UsagePeriod {
  readonly id: string;
  readonly tenantId: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly zone: string;
}

export interface Recorded {
  readonly accepted: number;
  readonly duplicates: number;
  /** Events for which no period is known yet: nothing of them was recorded. */
  readonly unplaced: readonly UsageEvent[];
}

export interface UsageLog {
  /** Events, totals of periods and days in one statement. What was recorded before counts as a duplicate, also within one call. */
  record(events: readonly UsageEvent[], now: Date): Promise<Recorded>;
}

export interface UsagePeriods {
  /**
   * Makes the period that `at` lies in: the subscription's, else the calendar month in `zone`; cut so that no two periods of a tenant overlap. One
   * that is there already stays as it is.
   */
  open(
    tenantId: string,
    at: Date,
    terms: { readonly zone: string; readonly billed: { readonly startsAt: Date; readonly endsAt: Date } | undefined },
  ): Promise<UsagePeriod>;
  /** Ends the period in which a subscription's period begins at that moment, so that the next usage falls into the new one. Events stay where they were counted. */
  cut(tenantId: string, at: Date): Promise<void>;
}

/** One (tenant, period, meter) that may have to be charged. */
export interface DueUsage {
  readonly tenantId: string;
  readonly periodId: string;
  readonly meter: Meter;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly quantity: bigint;
  readonly chargedMicros: bigint;
  /** Of the charge to come: 1, 2, 3 … */
  readonly nextNumber: number;
  readonly dirtySince: Date;
  readonly attempts: number;
  /** Until when it is claimed: due before that, it was woken meanwhile, and stays so. */
  readonly leaseUntil: Date;
}

export interface RatedUsage extends DueUsage {
  readonly plan: string;
  readonly included: bigint;
  readonly rated: Rated;
}

export type ChargeOutcome =
  | 'charged'
  /** The balance does not suffice: noted as owed. */
  | 'owed'
  /** Another worker was faster. */
  | 'lost';

export interface UsageCharges {
  /** Takes what is due, until `leaseUntil`; two workers never take the same. */
  claimDue(now: Date, leaseUntil: Date, limit: number): Promise<readonly DueUsage[]>;
  /** What the quantity costs now; looked at again at `dueAt` (undefined: when there is more usage). */
  note(usage: RatedUsage, dueAt: Date | undefined, now: Date): Promise<void>;
  /** Takes rated − charged from the wallet, or gives it back, with its line, its event and the new total charged: all or nothing. */
  charge(usage: RatedUsage, description: string, retryAt: Date, now: Date): Promise<ChargeOutcome>;
  /** Another plan: the totals of the periods that ran since then are rated anew. @returns how many */
  wakeRunning(tenantId: string, since: Date, now: Date): Promise<number>;
  /** There is new credit: what is owed is due now. @returns how much was owed by how many */
  wakeOwed(tenantId: string, now: Date): Promise<number>;
}

export interface DayRow {
  readonly day: string;
  readonly meter: Meter;
  readonly quantity: bigint;
}
export interface PeriodRow {
  readonly period: UsagePeriod;
  readonly meter: Meter;
  readonly quantity: bigint;
  readonly events: bigint;
  readonly ratedMicros: bigint;
  readonly chargedMicros: bigint;
  readonly owed: boolean;
}
export interface UsageFilter {
  readonly meter: Meter | undefined;
  /** First and last day, both inclusive, YYYY-MM-DD in the tenant's zone. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}
export interface UsageReader {
  /** Newest day first. @throws request.invalid on a foreign cursor */
  days(tenantId: string, filter: UsageFilter, page: PageAsk): Promise<{ readonly days: readonly DayRow[]; readonly nextCursor: string }>;
  /** Newest period first. @throws request.invalid on a foreign cursor */
  periods(
    tenantId: string,
    meter: Meter | undefined,
    page: PageAsk,
  ): Promise<{ readonly periods: readonly PeriodRow[]; readonly nextCursor: string }>;
  /** The period that `at` lies in with its totals; undefined when nothing was ever counted in it. */
  current(tenantId: string, at: Date): Promise<{ readonly period: UsagePeriod; readonly totals: readonly PeriodRow[] } | undefined>;
}
