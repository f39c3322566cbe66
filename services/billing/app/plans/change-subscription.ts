import { appError } from '#platform/errors/index.ts';
import { formatDecimal } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { PlanList } from '../../domain/plans/plan.ts';
import type { Subscription } from '../../domain/plans/subscription.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { checkKey, refuseInvalid } from '../checks.ts';
import { decideChange } from './decide-change.ts';
import type { ChangeResult, Subscriptions } from './ports.ts';
import { requireTimeZone, wantedPlan } from './wanted.ts';

export interface ChangeSubscriptionRequest {
  readonly idempotencyKey: string;
  readonly plan: string;
  readonly interval: string;
  /** Of a first subscription; empty: UTC. Later it is changed by its own command. */
  readonly timeZone: string;
}

/** @throws billing.insufficient_credit with meta {available, required} · request.idempotency_conflict */
export const subscriptionOf = (result: ChangeResult): Subscription | undefined => {
  if (result.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
  if (result.outcome === 'insufficient_credit')
    throw appError('billing.insufficient_credit', {
      meta: { available: formatDecimal(result.availableMicros), required: formatDecimal(result.requiredMicros) },
    });
  return result.subscription;
};

/**
 * Subscribes, or changes the plan: more begins now and is paid now, less begins at the end of what is paid. Choosing what
 * one has takes back a scheduled change. Paid from the wallet.
 * @throws request.invalid · billing.insufficient_credit · billing.subscription_past_due · request.idempotency_conflict
 */
export const changeSubscription =
  ({ subscriptions, plans, clock }: { readonly subscriptions: Subscriptions; readonly plans: PlanList; readonly clock: Clock }) =>
  async (tenantId: string, { idempotencyKey, plan, interval, timeZone }: ChangeSubscriptionRequest): Promise<Subscription | undefined> => {
    refuseInvalid(checkKey(idempotencyKey));
    const wanted = wantedPlan(plan, interval);
    const now = clock.now();
    if (timeZone !== '') await requireTimeZone(subscriptions, timeZone, now);
    const request = canonicalRequest('subscription', plan, interval, timeZone);
    const choice = { ...wanted, timeZone: timeZone === '' ? undefined : timeZone };
    return subscriptionOf(
      await subscriptions.change({ tenantId, idempotencyKey, request, now }, (current, at) =>
        decideChange(plans, tenantId, choice, at)(current),
      ),
    );
  };
