import { addMs, dayMs } from '#platform/time/index.ts';
import { type Period, periodAt, unusedPart } from './period.ts';
import { freePlan, type Interval, type PlanId, type PlanList } from './plan.ts';

/**
 * active: paid up to the end of its period. past_due: the next period could not be paid; it is tried again, and the plan
 * goes on meanwhile. ended: the tenant is on the free plan again; another subscription may follow.
 */
export type SubscriptionState = 'active' | 'past_due' | 'ended';

/** What was paid last: the part of a period that this plan has covered or will cover. */
export interface BilledPeriod extends Period {
  readonly id: string;
  readonly planId: PlanId;
  readonly interval: Interval;
  readonly amountMicros: bigint;
  /** What operators have given back of it. */
  readonly refundedMicros: bigint;
}

export interface Choice {
  readonly planId: PlanId;
  readonly interval: Interval;
}

export interface Subscription extends Choice {
  readonly id: string;
  readonly tenantId: string;
  readonly state: SubscriptionState;
  readonly timeZone: string;
  /** Every period begins at this local day and time; `periodIndex` counts them. */
  readonly anchorAt: Date;
  readonly periodIndex: number;
  readonly period: Period;
  /** The piece of the present period that is paid for by the present plan. */
  readonly billed: BilledPeriod;
  /** What follows at the end of the period; the free plan: it ends. Undefined: the same again. */
  readonly next: Choice | undefined;
  /** From the next period on. */
  readonly nextTimeZone: string | undefined;
  /** Tries to pay the period that is due; 0 while active. */
  readonly attempts: number;
  /** When the worker looks again: the end of the period, or the next try. */
  readonly dueAt: Date;
  /** What is missing while past due. */
  readonly owedMicros: bigint;
  readonly version: number;
  readonly createdAt: Date;
  readonly endedAt: Date | undefined;
  /** By an operator: it costs nothing, period after period, until something else is chosen. */
  readonly granted: boolean;
}

export type SubscriptionFact =
  | { readonly kind: 'plan_changed'; readonly from: PlanId; readonly to: PlanId }
  | { readonly kind: 'renewed'; readonly period: BilledPeriod }
  | { readonly kind: 'payment_failed'; readonly amountMicros: bigint; readonly attempt: number; readonly nextAttemptAt: Date }
  | { readonly kind: 'ended'; readonly reason: EndReason };

/** by_operator: the tenant was put on the free plan. */
export type EndReason = 'cancelled' | 'unpaid' | 'by_operator';

/** Everything that a change does: money first, then the row and what others hear of it. All of it or nothing. */
export interface Effect {
  readonly subscription: Subscription;
  /** Gives back the unused part of what was paid, to where it came from, and ends its piece there. */
  readonly credit: { readonly billed: BilledPeriod; readonly amountMicros: bigint; readonly at: Date } | undefined;
  readonly charge: BilledPeriod | undefined;
  readonly facts: readonly SubscriptionFact[];
  /** When an operator did it: who and why is kept. */
  readonly act?: OperatorAct;
}

/** What an operator made of a tenant's plan. */
export interface OperatorAct {
  readonly id: string;
  readonly from: PlanId;
  readonly to: PlanId;
  readonly operator: string;
  readonly reason: string;
}

export interface Ids {
  /** A new id for each call. */
  readonly newId: () => string;
}

const same = (a: Choice, b: Choice): boolean => a.planId === b.planId && a.interval === b.interval;

/** More of the plan, or a longer commitment to the same one, begins now; anything less at the end of what is paid. */
export const isUpgrade = (plans: PlanList, from: Choice, to: Choice): boolean => {
  const [a, b] = [plans.plan(from.planId).rank, plans.plan(to.planId).rank];
  return b > a || (b === a && from.interval === 'month' && to.interval === 'year');
};

const billedFor = (plans: PlanList, ids: Ids, choice: Choice, period: Period, amountMicros: bigint): BilledPeriod => ({
  id: ids.newId(),
  planId: choice.planId,
  interval: choice.interval,
  start: period.start,
  end: period.end,
  amountMicros,
  refundedMicros: 0n,
});

/** What comes back of a period that is cut short: its unused part, but never more than is left of what was paid. */
const creditFor = ({ billed }: Subscription, now: Date): bigint => {
  const unused = unusedPart(billed.amountMicros, billed, now);
  const left = billed.amountMicros - billed.refundedMicros;
  return unused < left ? unused : left;
};

/** A first subscription, or one after another that has ended: a whole period from now on. */
export const subscribe = (
  plans: PlanList,
  ids: Ids,
  wanted: Choice & { readonly tenantId: string; readonly timeZone: string },
  now: Date,
): Effect => {
  const period = periodAt(now, wanted.timeZone, wanted.interval, 0);
  const billed = billedFor(plans, ids, wanted, period, plans.plan(wanted.planId).priceMicros[wanted.interval]);
  const subscription: Subscription = {
    id: ids.newId(),
    tenantId: wanted.tenantId,
    planId: wanted.planId,
    interval: wanted.interval,
    state: 'active',
    timeZone: wanted.timeZone,
    anchorAt: now,
    periodIndex: 0,
    period,
    billed,
    next: undefined,
    nextTimeZone: undefined,
    attempts: 0,
    dueAt: period.end,
    owedMicros: 0n,
    version: 1,
    createdAt: now,
    endedAt: undefined,
    granted: false,
  };
  return { subscription, credit: undefined, charge: billed, facts: [{ kind: 'plan_changed', from: freePlan, to: wanted.planId }] };
};

const unpaid = { attempts: 0, owedMicros: 0n } as const;

/**
 * Now: the unused part of what was paid comes back, and the new plan is paid from now on: for the rest of the same period,
 * or, when the interval changes, for a whole new one that begins now.
 */
const upgrade = (plans: PlanList, ids: Ids, current: Subscription, wanted: Choice, now: Date): Effect => {
  const price = plans.plan(wanted.planId).priceMicros[wanted.interval];
  const restarts = current.interval !== wanted.interval;
  const timeZone = restarts ? (current.nextTimeZone ?? current.timeZone) : current.timeZone;
  const period = restarts ? periodAt(now, timeZone, wanted.interval, 0) : current.period;
  const piece = { start: now, end: period.end };
  const billed = billedFor(plans, ids, wanted, piece, restarts ? price : unusedPart(price, period, now));
  return {
    subscription: {
      ...current,
      ...wanted,
      ...unpaid,
      state: 'active',
      timeZone,
      nextTimeZone: restarts ? undefined : current.nextTimeZone,
      anchorAt: restarts ? now : current.anchorAt,
      periodIndex: restarts ? 0 : current.periodIndex,
      period,
      billed,
      next: undefined,
      dueAt: period.end,
      granted: false,
      version: current.version + 1,
    },
    credit: { billed: current.billed, amountMicros: creditFor(current, now), at: now },
    charge: billed,
    facts: current.planId === wanted.planId ? [] : [{ kind: 'plan_changed', from: current.planId, to: wanted.planId }],
  };
};

const quiet = (subscription: Subscription): Effect => ({ subscription, credit: undefined, charge: undefined, facts: [] });

/** @returns undefined when everything is as wanted already. A past-due subscription only ends (see `cancel`). */
export const change = (plans: PlanList, ids: Ids, current: Subscription, wanted: Choice, now: Date): Effect | undefined => {
  if (same(current, wanted))
    return current.next === undefined ? undefined : quiet({ ...current, next: undefined, version: current.version + 1 });
  // What is due already is not changed any more: the period that follows is that of the new plan.
  if (isUpgrade(plans, current, wanted))
    return now < current.period.end
      ? upgrade(plans, ids, current, wanted, now)
      : renew(plans, ids, { ...current, next: wanted }, now).effect;
  if (current.next !== undefined && same(current.next, wanted)) return undefined;
  return quiet({ ...current, next: wanted, version: current.version + 1 });
};

export const end = (current: Subscription, reason: EndReason, now: Date): Effect => ({
  ...quiet({ ...current, ...unpaid, state: 'ended', next: undefined, endedAt: now, dueAt: now, version: current.version + 1 }),
  facts: [
    { kind: 'ended', reason },
    { kind: 'plan_changed', from: current.planId, to: freePlan },
  ],
});

/** At the end of what is paid; at once when nothing is paid any more. @returns undefined when it ends there already */
export const cancel = (current: Subscription, now: Date): Effect | undefined => {
  if (current.state === 'past_due') return end(current, 'cancelled', now);
  if (current.next?.planId === freePlan) return undefined;
  return quiet({ ...current, next: { planId: freePlan, interval: current.interval }, version: current.version + 1 });
};

/** Takes back a cancellation or a scheduled change. */
export const resume = (current: Subscription): Effect | undefined =>
  current.next === undefined ? undefined : quiet({ ...current, next: undefined, version: current.version + 1 });

/** The present period keeps its end; the next one begins there and is counted from there in the new zone. */
export const moveTo = (current: Subscription, timeZone: string): Effect | undefined =>
  (current.nextTimeZone ?? current.timeZone) === timeZone
    ? undefined
    : quiet({ ...current, nextTimeZone: timeZone === current.timeZone ? undefined : timeZone, version: current.version + 1 });

/** What is due: nothing more to pay for, or a period to pay, and what becomes of it when the credit does not suffice. */
export type Renewal =
  | { readonly kind: 'end'; readonly effect: Effect }
  | {
      readonly kind: 'pay';
      readonly effect: Effect;
      readonly otherwise: Effect;
      /** Instead of `otherwise` when it was tried before its time: the tries stay as they are, and what is owed is what was asked for. */
      readonly early: Effect;
    };

/**
 * The period after the present one. Called when it is due; after a standstill of many periods it is called again and
 * again, and each is paid once, in order.
 */
export const renew = (plans: PlanList, ids: Ids, current: Subscription, now: Date): Renewal => {
  const choice = current.next ?? { planId: current.planId, interval: current.interval };
  if (choice.planId === freePlan) return { kind: 'end', effect: end(current, 'cancelled', current.period.end) };
  const timeZone = current.nextTimeZone ?? current.timeZone;
  const restarts = choice.interval !== current.interval || timeZone !== current.timeZone;
  const anchorAt = restarts ? current.period.end : current.anchorAt;
  const periodIndex = restarts ? 0 : current.periodIndex + 1;
  // Never counted anew where the paid one ends: when it was paid, the zone's clocks may have been planned otherwise.
  const period = { start: current.period.end, end: periodAt(anchorAt, timeZone, choice.interval, periodIndex).end };
  // What was granted goes on; what was chosen instead of it is paid.
  const granted = current.granted && current.next === undefined;
  const price = granted ? 0n : plans.plan(choice.planId).priceMicros[choice.interval];
  const billed = billedFor(plans, ids, choice, period, price);
  const changed = choice.planId === current.planId ? [] : [{ kind: 'plan_changed', from: current.planId, to: choice.planId } as const];
  const effect: Effect = {
    subscription: {
      ...current,
      ...choice,
      ...unpaid,
      state: 'active',
      timeZone,
      nextTimeZone: undefined,
      anchorAt,
      periodIndex,
      period,
      billed,
      next: undefined,
      dueAt: period.end,
      granted,
      version: current.version + 1,
    },
    credit: undefined,
    charge: billed,
    facts: granted ? [] : [{ kind: 'renewed', period: billed }, ...changed],
  };
  const early = quiet({ ...current, owedMicros: price, version: current.version + 1 });
  return { kind: 'pay', effect, otherwise: refused(plans, current, price, now), early };
};

const refused = (plans: PlanList, current: Subscription, amountMicros: bigint, now: Date): Effect => {
  const attempts = current.attempts + 1;
  const days = plans.dunningDays[attempts];
  if (days === undefined) return end(current, 'unpaid', now);
  // Counted from the day that it was due, but never into the past: after a standstill the tries still have their distance.
  const planned = addMs(current.period.end, days * dayMs);
  const pauseMs = (days - (plans.dunningDays[attempts - 1] ?? 0)) * dayMs;
  const nextAttemptAt = planned > now ? planned : addMs(now, pauseMs);
  return {
    ...quiet({ ...current, state: 'past_due', attempts, owedMicros: amountMicros, dueAt: nextAttemptAt, version: current.version + 1 }),
    facts: [{ kind: 'payment_failed', amountMicros, attempt: attempts, nextAttemptAt }],
  };
};
