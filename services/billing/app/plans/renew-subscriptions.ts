import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { PlanList } from '../../domain/plans/plan.ts';
import { renew } from '../../domain/plans/subscription.ts';
import type { PlanMonitor, Subscriptions } from './ports.ts';

/** In one turn; the rest is due in the next, which comes at once when there was work. */
const batch = 100;

/**
 * Pays what is due, period after period, and ends what is over. Any number of replicas: each takes what no other has.
 * A subscription that cannot be renewed is left out for this turn, and keeps nobody behind it from being renewed.
 * @throws the first thing that went wrong with a subscription, after all others; platform.* at once
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
  async (): Promise<number> => {
    const failures: unknown[] = [];
    const leftOut: string[] = [];
    let looks = 0;
    for (; looks < batch; looks++) {
      const now = clock.now();
      let tenantId: string | undefined;
      try {
        const facts = await subscriptions.renewNext(now, leftOut, (current) => {
          ({ tenantId } = current);
          return renew(plans, { newId }, current, now);
        });
        if (facts === undefined) break;
        for (const { kind } of facts) monitor.subscription(kind);
      } catch (error) {
        if (tenantId === undefined || isAppError(error)) throw error;
        leftOut.push(tenantId);
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return looks;
  };
