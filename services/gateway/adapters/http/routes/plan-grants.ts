import { Type } from 'typebox';
import type { TenantPlan as TenantPlanMessage } from '#proto/namaskah/billing/v1/plan_grants.ts';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { fromTime } from '../mapping.ts';
import { closed, problems, type Static, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';
import { fromSubscription, Subscription } from './plans.ts';

const PlanName = Type.Enum(['starter', 'pro', 'enterprise']);
const Act = Type.Object(
  {
    previousPlan: Type.String({ examples: ['starter'] }),
    plan: Type.String({ examples: ['enterprise'] }),
    operator: Type.String({ description: 'user:<id> or service:<name>', examples: ['user:0192d3a0-0000-7000-8000-000000000002'] }),
    reason: Type.String({ examples: ['Ticket 4711: pilot until the contract is signed'] }),
    createdAt: Timestamp,
  },
  closed,
);
const TenantPlan = Type.Object(
  { subscription: Subscription, acts: Type.Array(Act, { description: 'What operators did to the plan, newest first, 50 at most' }) },
  { ...closed, description: 'The plan of a tenant as operators see it' },
);

const planFromProto = (plan: TenantPlanMessage | undefined): Static<typeof TenantPlan> => {
  if (!plan) throw new Error('the billing service answered without a plan');
  return {
    subscription: fromSubscription(plan.subscription),
    acts: plan.acts.map(({ previousPlan, plan: given, operator, reason, createdAt }) => ({
      ...{ previousPlan, plan: given, operator, reason, createdAt: fromTime(createdAt) ?? '' },
    })),
  };
};

/** For those who run the platform: the tenant is named in the path. */
export const planGrantRoutes = (app: App, { planGrants }: Pick<Backends, 'planGrants'>): void => {
  const tags = ['admin'];
  const config = { access: operatorAccess() };
  const params = Type.Object({ id: Type.String() });
  app.get(
    '/v2/admin/tenants/:id/plan',
    {
      config,
      schema: {
        tags,
        summary: "A tenant's plan, and what operators did to it",
        params,
        response: { 200: TenantPlan, ...problems(403, 404) },
      },
    },
    async (request) =>
      planFromProto((await planGrants.getTenantPlan({ tenantId: pathId('tenant', request.params.id) }, callOptions(request))).plan),
  );
  app.put(
    '/v2/admin/tenants/:id/plan',
    {
      config,
      schema: {
        tags,
        summary: 'Put a tenant on a plan',
        description:
          'At once and without charge, in place of what the tenant pays for: that is cut short, not renewed, and nothing of it is given back (an adjustment can). The plan goes on month by month until the tenant chooses or cancels, or an operator decides again; `starter` ends what there is. Recorded with operator and reason. Repeating it changes nothing.',
        params,
        body: Type.Object(
          {
            plan: PlanName,
            reason: Type.String({
              minLength: 10,
              maxLength: 1_000,
              description: 'For operators and auditors',
              examples: ['Ticket 4711: pilot until the contract is signed'],
            }),
          },
          closed,
        ),
        response: { 200: TenantPlan, ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { plan, reason } = request.body;
      const asked = { tenantId: pathId('tenant', request.params.id), plan, reason };
      return planFromProto((await planGrants.grantPlan(asked, callOptions(request))).plan);
    },
  );
};
