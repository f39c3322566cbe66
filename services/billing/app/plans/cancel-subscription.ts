import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { cancel, type Subscription } from '../../domain/plans/subscription.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { checkKey, refuseInvalid } from '../checks.ts';
import { subscriptionOf } from './change-subscription.ts';
import type { Subscriptions } from './ports.ts';

/** Ends with the period that is paid, at once when nothing is. Repeatable. @throws billing.no_subscription */
export const cancelSubscription =
  ({ subscriptions, clock }: { readonly subscriptions: Subscriptions; readonly clock: Clock }) =>
  async (tenantId: string, idempotencyKey: string): Promise<Subscription | undefined> => {
    refuseInvalid(checkKey(idempotencyKey));
    const now = clock.now();
    const command = { tenantId, idempotencyKey, request: canonicalRequest('cancel subscription'), now };
    return subscriptionOf(
      await subscriptions.change(command, (current) => {
        if (current === undefined) throw appError('billing.no_subscription');
        return cancel(current, now);
      }),
    );
  };
