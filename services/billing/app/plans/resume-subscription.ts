import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { resume, type Subscription } from '../../domain/plans/subscription.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { checkKey, refuseInvalid } from '../checks.ts';
import { subscriptionOf } from './change-subscription.ts';
import type { Subscriptions } from './ports.ts';

/**
 * Takes back a cancellation or a scheduled change, as long as its time has not come. Repeatable.
 * @throws billing.no_subscription · billing.subscription_past_due: what was chosen is owed already
 */
export const resumeSubscription =
  ({ subscriptions, clock }: { readonly subscriptions: Subscriptions; readonly clock: Clock }) =>
  async (tenantId: string, idempotencyKey: string): Promise<Subscription | undefined> => {
    refuseInvalid(checkKey(idempotencyKey));
    const command = { tenantId, idempotencyKey, request: canonicalRequest('resume subscription'), now: clock.now() };
    return subscriptionOf(
      await subscriptions.change(command, (current) => {
        if (current === undefined) throw appError('billing.no_subscription');
        if (current.state === 'past_due' && current.next !== undefined) throw appError('billing.subscription_past_due');
        return resume(current);
      }),
    );
  };
