import { Type } from 'typebox';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { fromMoney, fromTime, page, toPage } from '../mapping.ts';
import { closed, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const meterNames = ['api.calls', 'messages', 'verifications'] as const;
export const Meter = Type.Enum([...meterNames], { description: 'What is counted', examples: ['api.calls'] });
const Day = Type.String({ pattern: String.raw`^\d{4}-\d{2}-\d{2}$`, description: 'A day of your calendar', examples: ['2026-11-21'] });
const Quantity = Type.String({ description: 'Whole units, as a string', examples: ['104233'] });
const Cost = Type.String({ description: 'Decimal amount', examples: ['0.10'] });

const MeterName = Type.String({ examples: ['api.calls'] });

const UsageDay = Type.Object({ day: Day, meter: MeterName, quantity: Quantity }, closed);
const UsagePeriod = Type.Object(
  {
    startsAt: Timestamp,
    endsAt: Timestamp,
    timeZone: Type.String({ examples: ['Europe/Berlin'] }),
    meter: MeterName,
    quantity: Quantity,
    events: Type.String({ description: 'Reports that the quantity was counted from', examples: ['412'] }),
    plan: Type.String({ examples: ['starter'] }),
    included: Type.String({ description: 'Costs nothing with this plan', examples: ['100000'] }),
    overage: Type.String({ description: 'Beyond the included', examples: ['4233'] }),
    amount: Type.String({ description: 'What the overage costs', examples: ['0.10'] }),
    charged: Type.String({ description: 'What has been taken from the wallet for it', examples: ['0.10'] }),
    owed: Type.Boolean({ description: 'The balance did not suffice: taken when there is credit' }),
  },
  closed,
);
const Forecast = Type.Object(
  {
    startsAt: Type.Union([Timestamp, Type.Null()], { description: 'null: nothing was used in the running period yet' }),
    endsAt: Type.Union([Timestamp, Type.Null()]),
    lines: Type.Array(
      Type.Object({ meter: MeterName, quantity: Quantity, expectedQuantity: Quantity, amount: Cost, expectedAmount: Cost }, closed),
    ),
  },
  closed,
);

export const usageRoutes = (app: App, { usage }: Backends): void => {
  const tags = ['usage'];
  const access = readAccess('usage:read');
  app.get(
    '/v2/usage',
    {
      config: { access },
      schema: {
        tags,
        summary: 'What was used, by day',
        description:
          'Days of your time zone, newest first. API requests are counted within seconds, messages and verifications as they happen.',
        querystring: Type.Object({ ...PageQuery, meter: Type.Optional(Meter), from: Type.Optional(Day), to: Type.Optional(Day) }, closed),
        response: { 200: pageOf(UsageDay), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { meter = '', from = '', to = '' } = request.query;
      const answer = await usage.listUsageDays({ page: toPage(request.query), meter, from, to }, callOptions(request));
      return page(answer.days, answer.nextCursor, ({ day, meter: counted, quantity }) => ({
        day,
        meter: counted,
        quantity: String(quantity),
      }));
    },
  );
  app.get(
    '/v2/usage/periods',
    {
      config: { access },
      schema: {
        tags,
        summary: 'What was used and what it costs, by billing period',
        description:
          'A period is a month of your subscription, or a calendar month of your time zone. What comes late is added to the period it belongs to.',
        querystring: Type.Object({ ...PageQuery, meter: Type.Optional(Meter) }, closed),
        response: { 200: pageOf(UsagePeriod), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { meter = '' } = request.query;
      const answer = await usage.listUsagePeriods({ page: toPage(request.query), meter }, callOptions(request));
      return page(answer.periods, answer.nextCursor, (period) => ({
        startsAt: fromTime(period.startsAt) ?? '',
        endsAt: fromTime(period.endsAt) ?? '',
        timeZone: period.timeZone,
        meter: period.meter,
        quantity: String(period.quantity),
        events: String(period.events),
        plan: period.plan,
        included: String(period.included),
        overage: String(period.overage),
        amount: fromMoney(period.amount),
        charged: fromMoney(period.charged),
        owed: period.owed,
      }));
    },
  );
  app.get(
    '/v2/usage/forecast',
    {
      config: { access },
      schema: {
        tags,
        summary: 'The running period, carried on as it has gone so far',
        response: { 200: Forecast, ...problems(403) },
      },
    },
    async (request) => {
      const { startsAt, endsAt, lines } = await usage.forecastUsage({}, callOptions(request));
      return {
        startsAt: fromTime(startsAt),
        endsAt: fromTime(endsAt),
        lines: lines.map(({ meter, quantity, expectedQuantity, amount, expectedAmount }) => ({
          ...{ meter, quantity: String(quantity), expectedQuantity: String(expectedQuantity) },
          ...{ amount: fromMoney(amount), expectedAmount: fromMoney(expectedAmount) },
        })),
      };
    },
  );
};
