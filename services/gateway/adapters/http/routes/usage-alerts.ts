import { Type } from 'typebox';
import type { Alert as AlertMessage } from '#proto/namaskah/billing/v1/usage.ts';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, fieldId, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromTime, orNull, page, toPage } from '../mapping.ts';
import { closed, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import { Name } from './budgets.ts';
import type { App } from './index.ts';
import { Meter } from './usage.ts';

const Metric = Type.Enum(['usage_quantity', 'usage_amount', 'included_percent', 'budget_percent', 'wallet_balance'], {
  description: 'Quantities, amounts and percentages of the running period; budgets of their running window; the balance at every change',
  examples: ['included_percent'],
});
const Direction = Type.Enum(['up', 'down'], { description: 'up: reaches the threshold; down: falls below it', examples: ['up'] });
const Recurrence = Type.Enum(['once', 'every', 'multiple'], {
  description:
    'once: then it rests. every: each crossing, usage and budgets begin at zero in each period. multiple: each multiple of the threshold',
  examples: ['every'],
});
const Threshold = Type.String({
  pattern: String.raw`^(0|[1-9]\d{0,12})(\.\d{1,6})?$`,
  description: 'Whole units, a decimal amount, or whole percent, as the metric wants',
  examples: ['80'],
});

const Alert = Type.Object(
  {
    id: id('alr'),
    name: Name,
    metric: Type.String({ examples: ['included_percent'] }),
    meter: Type.Union([Type.String({ examples: ['api.calls'] }), Type.Null()]),
    budgetId: Type.Union([id('bdg'), Type.Null()]),
    threshold: Type.String({ examples: ['80'] }),
    direction: Type.String({ examples: ['up'] }),
    recurrence: Type.String({ examples: ['every'] }),
    enabled: Type.Boolean(),
    fired: Type.String({ description: 'How often so far', examples: ['2'] }),
    lastFiredAt: Type.Union([Timestamp, Type.Null()]),
    createdAt: Timestamp,
  },
  closed,
);
const NewAlert = Type.Object(
  {
    name: Name,
    metric: Metric,
    meter: Type.Optional(Meter),
    budgetId: Type.Optional(id('bdg')),
    threshold: Threshold,
    direction: Type.Optional(Direction),
    recurrence: Type.Optional(Recurrence),
  },
  {
    ...closed,
    examples: [
      { name: 'Calls nearly used up', metric: 'included_percent', meter: 'api.calls', threshold: '80' },
      { name: 'Balance is low', metric: 'wallet_balance', threshold: '10.00', direction: 'down' },
    ],
  },
);
const AlertChange = Type.Object(
  { name: Type.Optional(Name), enabled: Type.Optional(Type.Boolean()), threshold: Type.Optional(Threshold) },
  {
    ...closed,
    minProperties: 1,
    description: 'What is absent stays as it is; a new threshold begins anew',
    examples: [{ enabled: false }],
  },
);
const Crossing = Type.Object(
  {
    number: Type.String({ description: '1, 2, 3 …', examples: ['1'] }),
    threshold: Type.String({ examples: ['80'] }),
    value: Type.String({ description: 'What was seen', examples: ['80.12'] }),
    occurredAt: Timestamp,
  },
  closed,
);

const alertFromProto = (alert: AlertMessage | undefined) => {
  if (!alert) throw new Error('the billing service answered without an alert');
  return {
    id: edgeId('usageAlert', alert.id),
    name: alert.name,
    metric: alert.metric,
    meter: orNull(alert.meter),
    budgetId: alert.budgetId === '' ? null : edgeId('budget', alert.budgetId),
    threshold: alert.threshold,
    direction: alert.direction,
    recurrence: alert.recurrence,
    enabled: alert.enabled,
    fired: String(alert.fired),
    lastFiredAt: fromTime(alert.lastFiredAt),
    createdAt: fromTime(alert.createdAt) ?? '',
  };
};
const params = Type.Object({ id: Type.String() });

export const usageAlertRoutes = (app: App, { alerts }: Backends): void => {
  const tags = ['usage'];
  const reading = readAccess('usage:read');
  const writing = writeAccess('usage:write');
  app.post(
    '/v2/usage-alerts',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Be told when a figure crosses a threshold',
        description: 'By mail to the owner, once for each crossing. One whose condition holds already fires within seconds.',
        headers: IdempotencyHeaders,
        body: NewAlert,
        response: { 201: Alert, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { meter = '', budgetId, direction = 'up', recurrence = 'every', ...same } = request.body;
      const answer = await alerts.createAlert(
        {
          ...{ ...same, meter, direction, recurrence, idempotencyKey: idempotencyKeyOf(request) },
          budgetId: fieldId('budget', 'budgetId', budgetId),
        },
        callOptions(request),
      );
      return reply.code(201).send(alertFromProto(answer.alert));
    },
  );
  app.get(
    '/v2/usage-alerts',
    {
      config: { access: reading },
      schema: {
        tags,
        summary: 'Alerts, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Alert), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await alerts.listAlerts({ page: toPage(request.query) }, callOptions(request));
      return page(answer.alerts, answer.nextCursor, alertFromProto);
    },
  );
  app.get(
    '/v2/usage-alerts/:id',
    { config: { access: reading }, schema: { tags, summary: 'One alert', params, response: { 200: Alert, ...problems(403, 404) } } },
    async (request) => alertFromProto((await alerts.getAlert({ id: pathId('usageAlert', request.params.id) }, callOptions(request))).alert),
  );
  app.patch(
    '/v2/usage-alerts/:id',
    {
      config: { access: writing },
      schema: { tags, summary: 'Change an alert', params, body: AlertChange, response: { 200: Alert, ...problems(403, 404, 422) } },
    },
    async (request) => {
      const { name, enabled, threshold } = request.body;
      const answer = await alerts.updateAlert(
        { id: pathId('usageAlert', request.params.id), name, enabled, threshold },
        callOptions(request),
      );
      return alertFromProto(answer.alert);
    },
  );
  app.delete(
    '/v2/usage-alerts/:id',
    {
      config: { access: writing },
      schema: { tags, summary: 'Delete an alert with its history', params, response: { 204: Type.Null(), ...problems(403, 404) } },
    },
    async (request, reply) => {
      await alerts.deleteAlert({ id: pathId('usageAlert', request.params.id) }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
  app.get(
    '/v2/usage-alerts/:id/events',
    {
      config: { access: reading },
      schema: {
        tags,
        summary: 'When an alert fired, newest first',
        params,
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Crossing), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const answer = await alerts.listAlertEvents(
        { id: pathId('usageAlert', request.params.id), page: toPage(request.query) },
        callOptions(request),
      );
      return page(answer.events, answer.nextCursor, ({ number, threshold, value, occurredAt }) => ({
        ...{ number: String(number), threshold, value },
        occurredAt: fromTime(occurredAt) ?? '',
      }));
    },
  );
};
