import { newId } from '#platform/ids/index.ts';
import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { grant } from '../../domain/plans/grant.ts';
import { isPlanId, planIds } from '../../domain/plans/plan.ts';
import { check, checkText, refuseInvalid, requireId } from '../checks.ts';
import { type TenantPlan, tenantPlan } from './get-tenant-plan.ts';
import type { PlanMonitor, Subscriptions } from './ports.ts';

const reasonLength = { min: 10, max: 1_000 } as const;

export interface GrantPlanRequest {
  readonly tenantId: string;
  readonly plan: string;
  readonly reason: string;
}

/**
 * An operator puts a tenant on a plan, at once and without charge. Repeatable: who has it by a grant already keeps it, and nothing is recorded.
 * @param operator who answers for it
 * @throws request.not_found · request.invalid
 */
export const grantPlan =
  (parts: { readonly subscriptions: Subscriptions; readonly clock: Clock; readonly monitor: PlanMonitor }) =>
  async (operator: string, { tenantId, plan, reason }: GrantPlanRequest): Promise<TenantPlan> => {
    const { subscriptions, clock, monitor } = parts;
    requireId(tenantId);
    refuseInvalid(
      check(isPlanId(plan), 'plan', `One of ${planIds.join(', ')}.`),
      check(reason.trim().length >= reasonLength.min, 'reason', `Say why, in ${reasonLength.min} characters or more.`),
      checkText(reason, 'reason', reasonLength.max),
    );
    if (!isPlanId(plan)) throw appError('request.invalid');
    let granted = false;
    const known = await subscriptions.decideFor(tenantId, clock.now(), (current, at) => {
      const effect = grant({ newId }, current, { tenantId, planId: plan, operator, reason }, at);
      granted = effect !== undefined;
      return effect;
    });
    if (!known) throw appError('request.not_found');
    if (granted) monitor.subscription('granted');
    return tenantPlan(subscriptions, tenantId);
  };
