import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { dayMs } from '#platform/time/index.ts';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { fromMoney, fromTime, toTime } from '../mapping.ts';
import { closed, Currency, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const figures = <K extends string>(...names: K[]) =>
  Type.Object(Object.fromEntries(names.map((name) => [name, Type.Integer()])) as Record<K, ReturnType<typeof Type.Integer>>, closed);
const Amounts = Type.Array(Type.Object({ currency: Currency, amount: Type.String({ examples: ['12.40'] }) }, closed));
const Day = (description: string) => Type.String({ pattern: String.raw`^\d{4}-\d{2}-\d{2}$`, description, examples: ['2026-11-21'] });
const SpendLine = Type.Object(
  {
    day: Day('UTC'),
    product: Type.String({ description: 'verification, campaign, rental, subscription, usage', examples: ['verification'] }),
    currency: Currency,
    amount: Type.String({ description: 'Negative: more was given back than taken', examples: ['4.48'] }),
    charges: Type.Integer({ minimum: 0, examples: [16] }),
  },
  { ...closed, description: 'What was spent on a product on a day' },
);
const Summary = Type.Object(
  {
    from: Timestamp,
    to: Timestamp,
    verifications: figures('purchased', 'received', 'completed', 'cancelled', 'expired', 'failed'),
    messages: figures('planned', 'submitted', 'delivered', 'failed', 'suppressed'),
    spend: Amounts,
    toppedUp: Amounts,
    granted: Amounts,
    refunded: Amounts,
    freshUntil: Type.Union([Timestamp, Type.Null()], { description: 'Events up to here are in the figures' }),
  },
  closed,
);
const maxRangeMs = 400 * dayMs;

/** A day alone means its first instant in UTC. */
const Moment = Type.String({
  anyOf: [{ format: 'date-time' }, { format: 'date' }],
  description: 'RFC 3339 instant, or a day (its start in UTC)',
  examples: ['2026-11-21'],
});

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

const numbers = <K extends string>(row: Record<K, bigint> | undefined, names: readonly K[]): Record<K, number> =>
  Object.fromEntries(names.map((name) => [name, Number(row?.[name] ?? 0n)])) as Record<K, number>;

export const analyticsRoutes = (app: App, { analytics }: Backends): void => {
  app.get(
    '/v2/analytics/summary',
    {
      config: { access: readAccess('analytics:read') },
      schema: {
        tags: ['analytics'],
        summary: 'Figures over [from, to)',
        description: 'By default the present day in UTC. At most 400 days.',
        querystring: Type.Object({ from: Type.Optional(Moment), to: Type.Optional(Moment) }, closed),
        response: { 200: Summary, ...problems(403, 422) },
      },
    },
    async (request) => {
      const now = Date.now();
      const to = toTime(request.query.to) ?? new Date(Math.floor(now / dayMs) * dayMs + dayMs);
      const from = toTime(request.query.from) ?? new Date(to.getTime() - dayMs);
      if (from >= to) throw appError('request.invalid', { fields: [{ field: 'from', reason: 'must be before to' }] });
      if (to.getTime() - from.getTime() > maxRangeMs)
        throw appError('request.invalid', { fields: [{ field: 'to', reason: 'is more than 400 days after from' }] });
      const answer = await analytics.getSummary({ from, to }, callOptions(request));
      const amounts = (rows: typeof answer.spend) => rows.map((row) => ({ currency: row.currency, amount: fromMoney(row) }));
      return {
        from: from.toISOString(),
        to: to.toISOString(),
        verifications: numbers(answer.verifications, ['purchased', 'received', 'completed', 'cancelled', 'expired', 'failed']),
        messages: numbers(answer.messages, ['planned', 'submitted', 'delivered', 'failed', 'suppressed']),
        spend: amounts(answer.spend),
        toppedUp: amounts(answer.toppedUp),
        granted: amounts(answer.granted),
        refunded: amounts(answer.refunded),
        freshUntil: fromTime(answer.freshUntil),
      };
    },
  );
  app.get(
    '/v2/analytics/spend',
    {
      config: { access: readAccess('analytics:read') },
      schema: {
        tags: ['analytics'],
        summary: 'What was spent, by day and product',
        description: 'Newest day first. What is given back of usage and of a plan is taken off on its day. At most 92 days.',
        querystring: Type.Object(
          {
            from: Type.Optional(Day('First day, UTC; 30 days before the last by default')),
            to: Type.Optional(Day('Last day, UTC, inclusive; today by default')),
          },
          closed,
        ),
        response: {
          200: Type.Object(
            {
              data: Type.Array(SpendLine),
              freshUntil: Type.Union([Timestamp, Type.Null()], { description: 'Events up to here are in the figures' }),
            },
            closed,
          ),
          ...problems(403, 422),
        },
      },
    },
    async (request) => {
      const to = request.query.to ?? dayOf(Date.now());
      // A last day that is no day is refused by name, not here.
      const last = Date.parse(to);
      const from = request.query.from ?? (Number.isNaN(last) ? to : dayOf(last - 30 * dayMs));
      const answer = await analytics.getSpend({ from, to }, callOptions(request));
      return {
        data: answer.days.map(({ day, product, amount, charges }) => ({
          ...{ day, product, currency: amount?.currency ?? '', amount: fromMoney(amount), charges: Number(charges) },
        })),
        freshUntil: fromTime(answer.freshUntil),
      };
    },
  );
};
