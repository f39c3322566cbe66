import { addMs, type Clock, hourMs, minuteMs } from '#platform/time/index.ts';
import { meters } from '../../domain/usage-meters.ts';
import { rate } from '../../domain/usage-rating.ts';
import { usageTerms } from '../../domain/usage-terms.ts';
import { eachByItself } from '../leaving-out.ts';
import type { ChargeOutcome, DueUsage, RatedUsage, UsageCharges, UsagePeriods, UsageSubscriptions } from './ports.ts';

export interface ChargeDependencies {
  readonly charges: UsageCharges;
  readonly periods: UsagePeriods;
  readonly subscriptions: UsageSubscriptions;
  readonly clock: Clock;
  readonly monitor: { usageCharged(outcome: ChargeOutcome): void };
  /** A difference below this waits for more … */
  readonly minimumMicros: bigint;
  /** … but no longer than this, and not beyond the end of its period. */
  readonly longestWaitMs: number;
}

const perLook = 100;
const leaseMs = minuteMs;
const firstRetryMs = 5 * minuteMs;
const longestRetryMs = 6 * hourMs;
const lastMs = 1;

const retryAt = (now: Date, attempts: number): Date => addMs(now, Math.min(firstRetryMs * 2 ** Math.min(attempts, 10), longestRetryMs));
const earlier = (a: Date, b: Date): Date => (a < b ? a : b);
const day = (at: Date): string => at.toISOString().slice(0, 10);

/** What the customer reads beside the amount. A period that is over is named as such: the line is in a later invoice. */
const descriptionOf = ({ meter, startsAt, endsAt, quantity }: DueUsage, now: Date): string =>
  `${meters[meter].title}, ${day(startsAt)} to ${day(addMs(endsAt, -lastMs))}: ${quantity} used${now >= endsAt ? ' (adjusted after the period)' : ''}`;

/** A subscription that began in the middle of a calendar month begins a period of its own: this one ended there, with the plan of then. */
const cutWhereSubscribed = async ({ periods, subscriptions }: ChargeDependencies, due: DueUsage, now: Date): Promise<DueUsage> => {
  const { tenantId, startsAt, endsAt } = due;
  const billed = await subscriptions.periodOf(tenantId, earlier(now, addMs(endsAt, -lastMs)));
  if (billed === undefined || billed.startsAt <= startsAt || billed.startsAt >= endsAt) return due;
  await periods.cut(tenantId, billed.startsAt);
  return { ...due, endsAt: billed.startsAt };
};

const rated = async ({ subscriptions }: ChargeDependencies, due: DueUsage, now: Date): Promise<RatedUsage> => {
  const plan = await subscriptions.planOf(due.tenantId, earlier(now, addMs(due.endsAt, -lastMs)));
  const terms = usageTerms(plan, due.meter);
  return { ...due, plan, included: terms.included, rated: rate(terms, due.quantity) };
};

const settle = async (dependencies: ChargeDependencies, usage: RatedUsage, now: Date): Promise<void> => {
  const { charges, monitor, minimumMicros, longestWaitMs } = dependencies;
  const difference = usage.rated.micros - usage.chargedMicros;
  if (difference === 0n) return charges.note(usage, undefined, now);
  const waitsUntil = earlier(addMs(usage.dirtySince, longestWaitMs), usage.endsAt);
  const small = difference > 0n ? difference < minimumMicros : -difference < minimumMicros;
  if (small && usage.attempts === 0 && now < waitsUntil) return charges.note(usage, waitsUntil, now);
  monitor.usageCharged(await charges.charge(usage, descriptionOf(usage, now), retryAt(now, usage.attempts), now));
};

/**
 * Rates what was used and moves the difference between what it costs and what was charged: taken from the balance, or given back after a
 * correction. A total is rated as a whole and rounded once, so nothing accumulates. What the balance cannot pay is owed and tried again.
 * A total that cannot be charged is due again after its lease, and keeps nobody from being charged.
 * @returns how many totals were looked at
 * @throws the first thing that went wrong with a total, after all were looked at; platform.* at once
 */
export const chargeUsage = (dependencies: ChargeDependencies) => async (): Promise<number> => {
  const now = dependencies.clock.now();
  const due = await dependencies.charges.claimDue(now, addMs(now, leaseMs), perLook);
  await eachByItself(due, async (usage) => {
    const cut = await cutWhereSubscribed(dependencies, usage, now);
    await settle(dependencies, await rated(dependencies, cut, now), now);
  });
  return due.length;
};
