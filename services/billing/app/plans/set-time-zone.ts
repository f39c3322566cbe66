import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { moveTo, type Subscription } from '../../domain/plans/subscription.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { checkKey, refuseInvalid } from '../checks.ts';
import { subscriptionOf } from './change-subscription.ts';
import type { Subscriptions } from './ports.ts';
import { requireTimeZone } from './wanted.ts';

/** The zone in which periods begin and end, from the next period on. @throws request.invalid · billing.no_subscription */
export const setTimeZone =
  ({ subscriptions, clock }: { readonly subscriptions: Subscriptions; readonly clock: Clock }) =>
  async (
    tenantId: string,
    { idempotencyKey, timeZone }: { readonly idempotencyKey: string; readonly timeZone: string },
  ): Promise<Subscription | undefined> => {
    refuseInvalid(checkKey(idempotencyKey));
    const now = clock.now();
    await requireTimeZone(subscriptions, timeZone, now);
    const command = { tenantId, idempotencyKey, request: canonicalRequest('time zone', timeZone), now };
    return subscriptionOf(
      await subscriptions.change(command, (current) => {
        if (current === undefined) throw appError('billing.no_subscription');
        return moveTo(current, timeZone);
      }),
    );
  };
