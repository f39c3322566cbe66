import { periodAt } from './period.ts';
import { freePlan, type PlanId } from './plan.ts';
import { type BilledPeriod, type Effect, end, type Ids, type OperatorAct, type Subscription } from './subscription.ts';

export interface Grant {
  readonly tenantId: string;
  readonly planId: PlanId;
  readonly operator: string;
  readonly reason: string;
}

/** What was paid covers the time until now and no more. Nothing comes back: money is given by adjustments, where it has its own rules. */
const cut = ({ billed }: Subscription, now: Date): Effect['credit'] =>
  billed.end > now ? { billed, amountMicros: 0n, at: now } : undefined;

/**
 * An operator gives a tenant a plan: at once, without charge, in place of whatever it pays for, which is not renewed any more. It goes on
 * month by month until the tenant chooses or cancels, or an operator decides again. The free plan ends what there is.
 * @returns undefined when the tenant has that by a grant already, or is to be on the free plan and is
 */
export const grant = (ids: Ids, current: Subscription | undefined, { planId, tenantId, ...by }: Grant, now: Date): Effect | undefined => {
  const act: OperatorAct = { id: ids.newId(), from: current?.planId ?? freePlan, to: planId, ...by };
  if (planId === freePlan) return current && { ...end({ ...current, granted: false }, 'by_operator', now), credit: cut(current, now), act };
  if (current?.granted === true && current.planId === planId && current.next === undefined) return undefined;
  const timeZone = current?.nextTimeZone ?? current?.timeZone ?? 'UTC';
  const interval = 'month';
  const period = periodAt(now, timeZone, interval, 0);
  const billed: BilledPeriod = { id: ids.newId(), planId, interval, ...period, amountMicros: 0n, refundedMicros: 0n };
  const subscription: Subscription = {
    ...{ id: current?.id ?? ids.newId(), tenantId, planId, interval, state: 'active', granted: true },
    ...{ timeZone, anchorAt: now, periodIndex: 0, period, billed, next: undefined, nextTimeZone: undefined, attempts: 0 },
    ...{ dueAt: period.end, owedMicros: 0n, version: (current?.version ?? 0) + 1 },
    ...{ createdAt: current?.createdAt ?? now, endedAt: undefined },
  };
  const facts: Effect['facts'] = act.from === planId ? [] : [{ kind: 'plan_changed', from: act.from, to: planId }];
  return { subscription, credit: current && cut(current, now), charge: billed, facts, act };
};
