import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { PlanList } from '../../domain/plans/plan.ts';
import { change, type Choice, type Effect, subscribe, type Subscription } from '../../domain/plans/subscription.ts';

/** What choosing a plan means for this tenant now; the same answer for a preview and for the change itself. */
export const decideChange =
  (plans: PlanList, tenantId: string, wanted: Choice & { readonly timeZone: string | undefined }, now: Date) =>
  (current: Subscription | undefined): Effect | undefined => {
    const { planId, interval, timeZone } = wanted;
    if (current === undefined) return subscribe(plans, { newId }, { planId, interval, tenantId, timeZone: timeZone ?? 'UTC' }, now);
    if (current.state === 'past_due') throw appError('billing.subscription_past_due');
    return change(plans, { newId }, current, { planId, interval }, now);
  };
