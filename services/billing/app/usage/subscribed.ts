import { dayMs } from '#platform/time/index.ts';
import { periodAt } from '../../domain/plans/period.ts';
import type { DetailsStore } from '../documents/ports.ts';
import type { PlanReader, Subscriptions } from '../plans/ports.ts';
import type { UsageSubscriptions } from './ports.ts';

const longestMonthMs = 31 * dayMs;

/**
 * Usage by what is subscribed to. Its periods are the months since the subscription began, also where the fee is paid by the year: a year
 * is too long to wait for what goes beyond the included.
 */
export const usageSubscriptions = ({
  plans,
  subscriptions,
  details,
}: {
  readonly plans: PlanReader;
  readonly subscriptions: Pick<Subscriptions, 'current'>;
  readonly details: Pick<DetailsStore, 'details'>;
}): UsageSubscriptions => ({
  planOf: (tenantId, at) => plans.planOf(tenantId, at),
  zoneOf: async (tenantId) => (await subscriptions.current(tenantId))?.timeZone ?? (await details.details(tenantId)).timeZone,
  periodOf: async (tenantId, at) => {
    const current = await subscriptions.current(tenantId);
    if (current === undefined || at < current.anchorAt) return undefined;
    // No month is longer, so this one is not too late; the right one is a few further.
    let index = Math.floor((at.getTime() - current.anchorAt.getTime()) / longestMonthMs);
    for (;;) {
      const { start, end } = periodAt(current.anchorAt, current.timeZone, 'month', index);
      if (at < end) return { startsAt: start, endsAt: end };
      index += 1;
    }
  },
});
