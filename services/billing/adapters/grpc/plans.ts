import { allow, allowAny, type BoundService, grpcService, method, publicMethod } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import {
  type BilledPeriod as PeriodMessage,
  type Plan as PlanMessage,
  PlanServiceService,
  type Subscription as SubscriptionMessage,
  SubscriptionServiceService,
  SubscriptionState,
} from '#proto/namaskah/billing/v1/plans.ts';
import type { cancelSubscription } from '../../app/plans/cancel-subscription.ts';
import type { changeSubscription } from '../../app/plans/change-subscription.ts';
import type { getSubscription } from '../../app/plans/get-subscription.ts';
import type { listPeriods } from '../../app/plans/list-periods.ts';
import type { listPlans } from '../../app/plans/list-plans.ts';
import type { PeriodRecord } from '../../app/plans/ports.ts';
import type { previewSubscription } from '../../app/plans/preview-subscription.ts';
import type { resumeSubscription } from '../../app/plans/resume-subscription.ts';
import type { setTimeZone } from '../../app/plans/set-time-zone.ts';
import type { Plan } from '../../domain/plans/plan.ts';
import type { Subscription } from '../../domain/plans/subscription.ts';
import { pageOf } from './mapping.ts';

export interface PlanUseCases {
  readonly currency: string;
  readonly listPlans: ReturnType<typeof listPlans>;
  readonly getSubscription: ReturnType<typeof getSubscription>;
  readonly previewSubscription: ReturnType<typeof previewSubscription>;
  readonly changeSubscription: ReturnType<typeof changeSubscription>;
  readonly cancelSubscription: ReturnType<typeof cancelSubscription>;
  readonly resumeSubscription: ReturnType<typeof resumeSubscription>;
  readonly setTimeZone: ReturnType<typeof setTimeZone>;
  readonly listPeriods: ReturnType<typeof listPeriods>;
}

const ppmPerPercent = 10_000n;

const planMessage = (plan: Plan, currency: string): PlanMessage => ({
  id: plan.id,
  name: plan.name,
  priceMonth: money(currency, plan.priceMicros.month),
  priceYear: money(currency, plan.priceMicros.year),
  requestsPerMinute: plan.requestsPerMinute,
  discountPercent: Number(plan.discountPpm / ppmPerPercent),
  webhooks: plan.webhooks,
  retentionDays: plan.retentionDays,
});

const states = {
  active: SubscriptionState.SUBSCRIPTION_STATE_ACTIVE,
  past_due: SubscriptionState.SUBSCRIPTION_STATE_PAST_DUE,
  ended: SubscriptionState.SUBSCRIPTION_STATE_ENDED,
} as const;

export const subscriptionMessage = (s: Subscription | undefined, currency: string): SubscriptionMessage | undefined =>
  s && {
    id: s.id,
    plan: s.planId,
    interval: s.interval,
    state: states[s.state],
    timeZone: s.timeZone,
    periodStart: s.period.start,
    periodEnd: s.period.end,
    nextPlan: s.next?.planId ?? '',
    nextInterval: s.next?.interval ?? '',
    nextTimeZone: s.nextTimeZone ?? '',
    owed: s.state === 'past_due' ? money(currency, s.owedMicros) : undefined,
    nextAttemptAt: s.state === 'past_due' ? s.dueAt : undefined,
    createdAt: s.createdAt,
    endedAt: s.endedAt,
    granted: s.granted,
  };

const periodMessage = (period: PeriodRecord): PeriodMessage => ({
  id: period.id,
  plan: period.planId,
  interval: period.interval,
  startsAt: period.start,
  endsAt: period.end,
  amount: money(period.currency, period.amountMicros),
  credited: money(period.currency, period.creditedMicros),
  createdAt: period.createdAt,
});

/** Whoever may spend the tenant's money on commitments. */
const deciders = allow('owner', 'admin', { scope: 'payments:write' });
const readers = allowAny({ scope: 'wallet:read' });

export const planServices = (plans: PlanUseCases): readonly BoundService[] => {
  const { currency } = plans;
  const answer = async (work: Promise<Subscription | undefined>) => ({ subscription: subscriptionMessage(await work, currency) });
  return [
    grpcService(PlanServiceService, {
      listPlans: method(publicMethod(), () => ({ plans: plans.listPlans().map((plan) => planMessage(plan, currency)) })),
    }),
    grpcService(SubscriptionServiceService, {
      getSubscription: method(readers, (_request, { principal }) => answer(plans.getSubscription(principal.tenantId))),
      previewSubscription: method(readers, async (request, { principal }) => {
        const { creditMicros, chargeMicros, dueNowMicros, effectiveAt, periodEnd } = await plans.previewSubscription(
          principal.tenantId,
          request,
        );
        const amounts = {
          credit: money(currency, creditMicros),
          charge: money(currency, chargeMicros),
          dueNow: money(currency, dueNowMicros),
        };
        return { ...amounts, effectiveAt, periodEnd };
      }),
      changeSubscription: method(deciders, (request, { principal }) => answer(plans.changeSubscription(principal.tenantId, request))),
      cancelSubscription: method(deciders, ({ idempotencyKey }, { principal }) =>
        answer(plans.cancelSubscription(principal.tenantId, idempotencyKey)),
      ),
      resumeSubscription: method(deciders, ({ idempotencyKey }, { principal }) =>
        answer(plans.resumeSubscription(principal.tenantId, idempotencyKey)),
      ),
      setTimeZone: method(deciders, (request, { principal }) => answer(plans.setTimeZone(principal.tenantId, request))),
      listPeriods: method(readers, async ({ page }, { principal }) => {
        const ask = pageOf(page);
        const { periods, nextCursor } = await plans.listPeriods(principal.tenantId, ask);
        return { periods: periods.map(periodMessage), nextCursor };
      }),
    }),
  ];
};
