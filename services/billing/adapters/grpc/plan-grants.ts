import { allow, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { PlanGrantServiceService, type TenantPlan as TenantPlanMessage } from '#proto/namaskah/billing/v1/plan_grants.ts';
import type { getTenantPlan, TenantPlan } from '../../app/plans/get-tenant-plan.ts';
import type { grantPlan } from '../../app/plans/grant-plan.ts';
import { subscriptionMessage } from './plans.ts';

interface PlanGrantUseCases {
  readonly currency: string;
  readonly grantPlan: ReturnType<typeof grantPlan>;
  readonly getTenantPlan: ReturnType<typeof getTenantPlan>;
}

const planMessage = ({ subscription, acts }: TenantPlan, currency: string): TenantPlanMessage => ({
  subscription: subscriptionMessage(subscription, currency),
  acts: acts.map(({ id, from: previousPlan, to: plan, operator, reason, at: createdAt }) => ({
    ...{ id, previousPlan, plan, operator, reason, createdAt },
  })),
});

/** Those who run the platform; nobody of a tenant. */
const operators = allow('operator', 'system');

export const planGrantService = ({ currency, ...plans }: PlanGrantUseCases): BoundService =>
  grpcService(PlanGrantServiceService, {
    grantPlan: method(operators, async (request, { principal }) => ({
      plan: planMessage(await plans.grantPlan(principal.subject, request), currency),
    })),
    getTenantPlan: method(operators, async ({ tenantId }) => ({ plan: planMessage(await plans.getTenantPlan(tenantId), currency) })),
  });
