import { appError } from '#platform/errors/index.ts';
import { isTimeZone } from '#platform/time/index.ts';
import { freePlan, intervals, isInterval, isPlanId, planIds } from '../../domain/plans/plan.ts';
import type { Choice } from '../../domain/plans/subscription.ts';
import { check, refuseInvalid } from '../checks.ts';
import type { Subscriptions } from './ports.ts';

/** @throws request.invalid naming what is not offered. The free plan is reached by cancelling. */
export const wantedPlan = (plan: string, interval: string): Choice => {
  const offered = planIds.filter((id) => id !== freePlan);
  refuseInvalid(
    check(isPlanId(plan) && plan !== freePlan, 'plan', `One of ${offered.join(', ')}; to go back to ${freePlan}, cancel.`),
    check(isInterval(interval), 'interval', `One of ${intervals.join(', ')}.`),
  );
  if (!isPlanId(plan) || !isInterval(interval)) throw appError('request.invalid');
  return { planId: plan, interval };
};

/** @throws request.invalid on field "time_zone" */
export const requireTimeZone = async (subscriptions: Pick<Subscriptions, 'knowsZone'>, zone: string, now: Date): Promise<void> => {
  const known = zone.length <= 64 && isTimeZone(zone) && (await subscriptions.knowsZone(zone, now));
  refuseInvalid(check(known, 'time_zone', 'The name of an IANA time zone, for example "Africa/Lagos".'));
};
