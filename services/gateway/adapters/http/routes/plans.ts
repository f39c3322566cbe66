import { Type } from 'typebox';
import type {
  BilledPeriod as PeriodMessage,
  Plan as PlanMessage,
  Subscription as SubscriptionMessage,
} from '#proto/namaskah/billing/v1/plans.ts';
import { adminAccess, publicAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, orNull, page, toPage } from '../mapping.ts';
import { closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, SignedAmount, type Static, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const nothing = Type.Null();
const Decimal = Type.String({ examples: ['49.00'] });
const PlanId = Type.String({ description: 'starter, pro or enterprise', examples: ['pro'] });
const Interval = Type.Enum(['month', 'year']);
const TimeZone = Type.String({ minLength: 1, maxLength: 64, description: 'IANA name', examples: ['Africa/Lagos'] });

const Plan = Type.Object(
  {
    id: PlanId,
    name: Type.String({ examples: ['Pro'] }),
    currency: Currency,
    priceMonth: Decimal,
    priceYear: Type.String({ examples: ['490.00'] }),
    requestsPerMinute: Type.Integer({ examples: [500] }),
    discountPercent: Type.Integer({ description: 'Off the list prices', examples: [20] }),
    webhooks: Type.Integer({ description: 'Endpoints that may be registered', examples: [5] }),
    retentionDays: Type.Integer({ description: 'How long messages are kept', examples: [90] }),
  },
  closed,
);

export const Subscription = Type.Object(
  {
    id: Type.Union([id('sub'), nothing], { description: 'null on the free plan, which needs no subscription' }),
    plan: PlanId,
    interval: Type.Union([Interval, nothing]),
    status: Type.Enum(['free', 'active', 'past_due', 'ended'], {
      description: 'past_due: the next period could not be paid; it is tried again, the plan goes on meanwhile',
    }),
    timeZone: Type.Union([TimeZone, nothing]),
    periodStart: Type.Union([Timestamp, nothing]),
    periodEnd: Type.Union([Timestamp, nothing]),
    next: Type.Union([Type.Object({ plan: PlanId, interval: Interval }, closed), nothing], {
      description: 'What follows at the end of the period, when it is something else; starter: it ends',
    }),
    nextTimeZone: Type.Union([TimeZone, nothing]),
    owed: Type.Union([Decimal, nothing], { description: 'While past due: top up the wallet and it is paid at once' }),
    nextAttemptAt: Type.Union([Timestamp, nothing]),
    createdAt: Type.Union([Timestamp, nothing]),
    endedAt: Type.Union([Timestamp, nothing]),
    granted: Type.Boolean({
      description: 'Given by the platform: it costs nothing until you choose another plan, or cancel',
      examples: [false],
    }),
  },
  closed,
);

const Preview = Type.Object(
  {
    currency: Currency,
    credit: Type.String({ description: 'For the time that was paid and will not be used', examples: ['24.50'] }),
    charge: Type.String({ examples: ['249.50'] }),
    dueNow: SignedAmount,
    effectiveAt: Timestamp,
    periodEnd: Type.Union([Timestamp, nothing]),
  },
  closed,
);

const Period = Type.Object(
  {
    id: id('per'),
    plan: PlanId,
    interval: Interval,
    startsAt: Timestamp,
    endsAt: Type.String({ format: 'date-time', description: 'Earlier than paid for when a change cut the period short' }),
    amount: Decimal,
    credited: Type.String({ description: 'What came back when it was cut short', examples: ['0.00'] }),
    currency: Currency,
    createdAt: Timestamp,
  },
  closed,
);

const Choice = Type.Object(
  {
    plan: Type.Enum(['pro', 'enterprise'], { description: 'To go back to starter, cancel' }),
    interval: Interval,
    timeZone: Type.Optional(TimeZone),
  },
  closed,
);

const fromPlan = (plan: PlanMessage): Static<typeof Plan> => {
  const { name, requestsPerMinute, discountPercent, webhooks, retentionDays } = plan;
  const limits = { requestsPerMinute, discountPercent, webhooks, retentionDays };
  const currency = plan.priceMonth?.currency ?? '';
  return { id: plan.id, name, currency, priceMonth: fromMoney(plan.priceMonth), priceYear: fromMoney(plan.priceYear), ...limits };
};

type IntervalName = Static<typeof Interval>;

const free: Static<typeof Subscription> = {
  ...{ id: null, plan: 'starter', interval: null, status: 'free', timeZone: null, periodStart: null, periodEnd: null, next: null },
  ...{ nextTimeZone: null, owed: null, nextAttemptAt: null, createdAt: null, endedAt: null, granted: false },
};

export const fromSubscription = (s: SubscriptionMessage | undefined): Static<typeof Subscription> =>
  s === undefined
    ? free
    : {
        id: edgeId('subscription', s.id),
        plan: s.plan,
        interval: s.interval as IntervalName,
        status: fromEnum('SUBSCRIPTION_STATE', s.state) as 'active' | 'past_due' | 'ended',
        timeZone: s.timeZone,
        periodStart: fromTime(s.periodStart),
        periodEnd: fromTime(s.periodEnd),
        next: s.nextPlan === '' ? null : { plan: s.nextPlan, interval: s.nextInterval as IntervalName },
        nextTimeZone: orNull(s.nextTimeZone),
        owed: s.owed === undefined ? null : fromMoney(s.owed),
        nextAttemptAt: fromTime(s.nextAttemptAt),
        createdAt: fromTime(s.createdAt),
        endedAt: fromTime(s.endedAt),
        granted: s.granted,
      };

const fromPeriod = (period: PeriodMessage): Static<typeof Period> => ({
  id: edgeId('billedPeriod', period.id),
  plan: period.plan,
  interval: period.interval as IntervalName,
  startsAt: fromTime(period.startsAt) ?? '',
  endsAt: fromTime(period.endsAt) ?? '',
  amount: fromMoney(period.amount),
  credited: fromMoney(period.credited),
  currency: period.amount?.currency ?? '',
  createdAt: fromTime(period.createdAt) ?? '',
});

/** What one can subscribe to. */
export const planRoutes = (app: App, { plans }: Backends): void => {
  app.get(
    '/v2/plans',
    {
      config: { access: publicAccess },
      schema: {
        tags: ['subscription'],
        summary: 'Plans, the free one first',
        response: { 200: Type.Object({ data: Type.Array(Plan) }, closed), ...problems() },
      },
    },
    async (request) => ({ data: (await plans.listPlans({}, callOptions(request))).plans.map(fromPlan) }),
  );
};

/** The tenant's subscription; owners and admins decide, everybody may look. */
export const subscriptionRoutes = (app: App, { subscriptions }: Backends): void => {
  const tags = ['subscription'];
  const read = { access: readAccess('wallet:read') };
  const decide = { access: adminAccess('payments:write') };
  app.get(
    '/v2/subscription',
    { config: read, schema: { tags, summary: 'Subscription', response: { 200: Subscription, ...problems(403) } } },
    async (request) => fromSubscription((await subscriptions.getSubscription({}, callOptions(request))).subscription),
  );
  app.post(
    '/v2/subscription',
    {
      config: decide,
      schema: {
        tags,
        summary: 'Subscribe or change the plan',
        description:
          'Paid from the wallet. More begins now: the unused part of what was paid comes back, the new plan is paid for the rest of the period, or for a whole month or year from now on when the interval changes. Less begins at the end of what is paid. Choosing the present plan takes back a scheduled change.',
        headers: IdempotencyHeaders,
        body: Choice,
        response: { 200: Subscription, ...problems(402, 403, 409, 422) },
      },
    },
    async (request) => {
      const { plan, interval, timeZone = '' } = request.body;
      const asked = { idempotencyKey: idempotencyKeyOf(request), plan, interval, timeZone };
      return fromSubscription((await subscriptions.changeSubscription(asked, callOptions(request))).subscription);
    },
  );
  app.post(
    '/v2/subscription/preview',
    {
      config: read,
      schema: {
        tags,
        summary: 'What a change would cost now',
        description: 'Changes nothing.',
        body: Choice,
        response: { 200: Preview, ...problems(403, 409, 422) },
      },
    },
    async (request) => {
      const { plan, interval, timeZone = '' } = request.body;
      const answer = await subscriptions.previewSubscription({ plan, interval, timeZone }, callOptions(request));
      return {
        currency: answer.dueNow?.currency ?? '',
        credit: fromMoney(answer.credit),
        charge: fromMoney(answer.charge),
        dueNow: fromMoney(answer.dueNow),
        effectiveAt: fromTime(answer.effectiveAt) ?? '',
        periodEnd: fromTime(answer.periodEnd),
      };
    },
  );
  app.post(
    '/v2/subscription/cancel',
    {
      config: decide,
      schema: {
        tags,
        summary: 'Cancel',
        description: 'Ends with the period that is paid; at once while past due.',
        headers: IdempotencyHeaders,
        response: { 200: Subscription, ...problems(403, 409, 422) },
      },
    },
    async (request) =>
      fromSubscription(
        (await subscriptions.cancelSubscription({ idempotencyKey: idempotencyKeyOf(request) }, callOptions(request))).subscription,
      ),
  );
  app.post(
    '/v2/subscription/resume',
    {
      config: decide,
      schema: {
        tags,
        summary: 'Take back a cancellation or a scheduled change',
        description: 'As long as its time has not come: what could not be paid yet is owed as it was chosen (409).',
        headers: IdempotencyHeaders,
        response: { 200: Subscription, ...problems(403, 409, 422) },
      },
    },
    async (request) =>
      fromSubscription(
        (await subscriptions.resumeSubscription({ idempotencyKey: idempotencyKeyOf(request) }, callOptions(request))).subscription,
      ),
  );
  app.put(
    '/v2/subscription/time-zone',
    {
      config: decide,
      schema: {
        tags,
        summary: 'Time zone in which periods begin and end',
        description: 'From the next period on.',
        headers: IdempotencyHeaders,
        body: Type.Object({ timeZone: TimeZone }, closed),
        response: { 200: Subscription, ...problems(403, 409, 422) },
      },
    },
    async (request) => {
      const asked = { idempotencyKey: idempotencyKeyOf(request), timeZone: request.body.timeZone };
      return fromSubscription((await subscriptions.setTimeZone(asked, callOptions(request))).subscription);
    },
  );
  app.get(
    '/v2/subscription/periods',
    {
      config: read,
      schema: {
        tags,
        summary: 'Periods that were paid, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Period), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { periods, nextCursor } = await subscriptions.listPeriods({ page: toPage(request.query) }, callOptions(request));
      return page(periods, nextCursor, fromPeriod);
    },
  );
};
