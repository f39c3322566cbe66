import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { PlanList } from '../../domain/plans/plan.ts';
import { renew } from '../../domain/plans/subscription.ts';
import { leavingOut } from '../leaving-out.ts';
import type { PlanMonitor, Subscriptions } from './ports.ts';

/** In one turn; the rest is due in the next, which comes at once when there was work. */
const batch = 100;

/**
 * Pays what is due, period after period, and ends what is over. Any number of replicas: each takes what no other has. A subscription that cannot
 * be renewed keeps nobody behind it waiting.
 */
export const renewSubscriptions =
  ({
    subscriptions,
    plans,
    clock,
    monitor,
  }: {
    readonly subscriptions: Subscriptions;
    readonly plans: PlanList;
    readonly clock: Clock;
    readonly monitor: PlanMonitor;
  }) =>
  (): Promise<number> =>
    leavingOut(async (leftOut, at) => {
      for (let done = 0; done < batch; done++) {
        const now = clock.now();
        const facts = await subscriptions.renewNext(now, leftOut, (current) => {
          at(current.tenantId);
          return renew(plans, { newId }, current, now);
        });
        if (facts === undefined) return done;
        for (const { kind } of facts) monitor.subscription(kind);
      }
      return batch;
    });
