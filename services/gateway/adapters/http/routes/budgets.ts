import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Budget as BudgetMessage, SpendingPause as PauseMessage } from '#proto/namaskah/billing/v1/usage.ts';
import { adminAccess, operatorAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, orNull, page, toMoney, toOptionalMoney, toPage } from '../mapping.ts';
import { Amount, closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

export const Name = Type.String({ minLength: 1, maxLength: 100, examples: ['Team budget'] });
const Interval = Type.Enum(['daily', 'monthly'], { examples: ['daily'] });
const Product = Type.Enum(['verification', 'campaign', 'rental', 'subscription', 'usage'], {
  description: 'Counts this product only. One of subscription or usage is watched, not enforced: those are owed when they are charged',
  examples: ['campaign'],
});
const Hard = Type.Boolean({
  description:
    'true: what would go beyond it is refused with billing.budget_exhausted, which names the budget, what is left of it, and when it begins anew (resetsAt)',
});

const Budget = Type.Object(
  {
    id: id('bdg'),
    name: Name,
    interval: Type.String({ examples: ['daily'] }),
    product: Type.Union([Type.String({ examples: ['campaign'] }), Type.Null()], { description: 'null: everything' }),
    amount: Type.String({ examples: ['50.00'] }),
    currency: Currency,
    hard: Hard,
    timeZone: Type.String({ description: 'Days and months begin at its midnight', examples: ['Europe/Berlin'] }),
    windowStartsAt: Timestamp,
    windowEndsAt: Timestamp,
    spent: Type.String({ description: 'Reserved or charged in the running window; what is given back returns', examples: ['12.40'] }),
    remaining: Type.String({ examples: ['37.60'] }),
    createdAt: Timestamp,
  },
  closed,
);
const NewBudget = Type.Object(
  {
    name: Name,
    interval: Interval,
    product: Type.Optional(Product),
    amount: Amount,
    currency: Currency,
    hard: Hard,
    timeZone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'IANA name; your own by default, UTC if yours is no name of a region',
        examples: ['Europe/Berlin'],
      }),
    ),
    alertAtPercent: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
        maxItems: 10,
        uniqueItems: true,
        description: 'Makes an alert for each',
        examples: [[80, 100]],
      }),
    ),
  },
  {
    ...closed,
    examples: [{ name: 'Team budget', interval: 'daily', amount: '50.00', currency: 'USD', hard: true, alertAtPercent: [80, 100] }],
  },
);
const BudgetChange = Type.Object(
  { name: Type.Optional(Name), amount: Type.Optional(Amount), currency: Type.Optional(Currency), hard: Type.Optional(Hard) },
  { ...closed, minProperties: 1, description: 'What is absent stays as it is', examples: [{ amount: '80.00' }] },
);
const Spending = Type.Object(
  {
    paused: Type.Boolean(),
    pauses: Type.Array(
      Type.Object(
        {
          source: Type.String({ description: 'tenant: one of you; operator: those who run the platform', examples: ['tenant'] }),
          reason: Type.Union([Type.String({ examples: ['Key was leaked'] }), Type.Null()]),
          pausedAt: Timestamp,
        },
        closed,
      ),
    ),
  },
  closed,
);
const PauseBody = Type.Object({ reason: Type.Optional(Type.String({ maxLength: 200, examples: ['Key was leaked'] })) }, closed);

const budgetFromProto = (budget: BudgetMessage | undefined) => {
  if (!budget) throw new Error('the billing service answered without a budget');
  return {
    id: edgeId('budget', budget.id),
    name: budget.name,
    interval: budget.interval,
    product: orNull(budget.product),
    amount: fromMoney(budget.amount),
    currency: budget.amount?.currency ?? '',
    hard: budget.hard,
    timeZone: budget.timeZone,
    windowStartsAt: fromTime(budget.windowStartsAt) ?? '',
    windowEndsAt: fromTime(budget.windowEndsAt) ?? '',
    spent: fromMoney(budget.spent),
    remaining: fromMoney(budget.remaining),
    createdAt: fromTime(budget.createdAt) ?? '',
  };
};
const spendingOf = (pauses: readonly PauseMessage[]) => ({
  paused: pauses.length > 0,
  pauses: pauses.map(({ source, reason, pausedAt }) => ({ source, reason: orNull(reason), pausedAt: fromTime(pausedAt) ?? '' })),
});
const params = Type.Object({ id: Type.String() });
/** A reason is a courtesy: a request without a body is one without a reason. */
const preValidation = async (request: FastifyRequest): Promise<void> => {
  request.body ??= {};
};

export const budgetRoutes = (app: App, { budgets }: Backends): void => {
  const tags = ['budgets'];
  const reading = readAccess('budgets:read');
  const writing = adminAccess('budgets:write');
  app.post(
    '/v2/budgets',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Limit what is spent in a day or a month',
        description: 'Counts from what the running day or month has seen already. A hard budget stops spending at the very next purchase.',
        headers: IdempotencyHeaders,
        body: NewBudget,
        response: { 201: Budget, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { amount, currency, product = '', timeZone = '', alertAtPercent = [], ...same } = request.body;
      const answer = await budgets.createBudget(
        {
          ...same,
          product,
          timeZone,
          alertAtPercent,
          amount: toMoney('amount', amount, currency),
          idempotencyKey: idempotencyKeyOf(request),
        },
        callOptions(request),
      );
      return reply.code(201).send(budgetFromProto(answer.budget));
    },
  );
  app.get(
    '/v2/budgets',
    {
      config: { access: reading },
      schema: {
        tags,
        summary: 'Budgets, with what is spent and what is left',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Budget), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await budgets.listBudgets({ page: toPage(request.query) }, callOptions(request));
      return page(answer.budgets, answer.nextCursor, budgetFromProto);
    },
  );
  app.get(
    '/v2/budgets/:id',
    { config: { access: reading }, schema: { tags, summary: 'One budget', params, response: { 200: Budget, ...problems(403, 404) } } },
    async (request) => budgetFromProto((await budgets.getBudget({ id: pathId('budget', request.params.id) }, callOptions(request))).budget),
  );
  app.patch(
    '/v2/budgets/:id',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Change a budget',
        description: 'Counts from the next purchase on; what is spent stays spent.',
        params,
        body: BudgetChange,
        response: { 200: Budget, ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { name, hard } = request.body;
      const change = { name, hard, amount: toOptionalMoney(request.body) };
      const answer = await budgets.updateBudget({ id: pathId('budget', request.params.id), ...change }, callOptions(request));
      return budgetFromProto(answer.budget);
    },
  );
  app.delete(
    '/v2/budgets/:id',
    {
      config: { access: writing },
      schema: { tags, summary: 'Delete a budget with its alerts', params, response: { 204: Type.Null(), ...problems(403, 404) } },
    },
    async (request, reply) => {
      await budgets.deleteBudget({ id: pathId('budget', request.params.id) }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
  app.get(
    '/v2/spending',
    { config: { access: reading }, schema: { tags, summary: 'Is spending paused?', response: { 200: Spending, ...problems(403) } } },
    async (request) => spendingOf((await budgets.getSpending({}, callOptions(request))).pauses),
  );
  app.post(
    '/v2/spending/pause',
    {
      preValidation,
      config: { access: writing },
      schema: {
        tags,
        summary: 'Stop all spending now',
        description:
          'Purchases are refused with billing.spending_paused from the moment this answers. What is reserved already can still be charged.',
        body: PauseBody,
        response: { 200: Spending, ...problems(403, 422) },
      },
    },
    async (request) =>
      spendingOf((await budgets.pauseSpending({ tenantId: '', reason: request.body.reason ?? '' }, callOptions(request))).pauses),
  );
  app.post(
    '/v2/spending/resume',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Go on spending',
        description: "Lifts your own pause. An operator's stays, and is in the answer.",
        response: { 200: Spending, ...problems(403) },
      },
    },
    async (request) => spendingOf((await budgets.resumeSpending({ tenantId: '' }, callOptions(request))).pauses),
  );

  const admin = ['operators'];
  app.post(
    '/v2/admin/tenants/:id/spending/pause',
    {
      preValidation,
      config: { access: operatorAccess() },
      schema: {
        tags: admin,
        summary: "Stop a tenant's spending",
        params,
        body: PauseBody,
        response: { 200: Spending, ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const tenantId = pathId('tenant', request.params.id);
      return spendingOf((await budgets.pauseSpending({ tenantId, reason: request.body.reason ?? '' }, callOptions(request))).pauses);
    },
  );
  app.post(
    '/v2/admin/tenants/:id/spending/resume',
    {
      config: { access: operatorAccess() },
      schema: { tags: admin, summary: "Lift the operators' pause of a tenant", params, response: { 200: Spending, ...problems(403, 404) } },
    },
    async (request) =>
      spendingOf((await budgets.resumeSpending({ tenantId: pathId('tenant', request.params.id) }, callOptions(request))).pauses),
  );
};
