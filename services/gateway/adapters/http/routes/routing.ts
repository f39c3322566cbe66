import { Type } from 'typebox';
import type { Provider as ProviderMessage } from '#proto/namaskah/verification/v1/routing.ts';
import { operatorAccess, publicAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { fromMoney, fromTime, orNull, page, toPage } from '../mapping.ts';
import { closed, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const verdicts = [
  ...(['best', 'preferred', 'explored', 'probed', 'next', 'avoided', 'doubtful_stock', 'doubtful_price'] as const),
  ...(['circuit_open', 'last_resort', 'paused', 'excluded'] as const),
];
const RouteCode = Type.String({ description: 'Of a provider: always the same, and not its name', examples: ['route_3f9a1c07be'] });
const Rate = Type.Number({ minimum: 0, maximum: 1, description: 'Share of numbers that get a code', examples: [0.87] });
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);
const Stock = Type.Union([Type.Integer({ examples: [500] }), Type.Null()], { description: 'Coarse; null when no price list names it' });

const Route = Type.Object(
  {
    candidates: Type.Array(
      Type.Object(
        {
          route: RouteCode,
          verdict: Type.Enum(verdicts, { description: 'Why it stands where it stands', examples: ['best'] }),
          score: Type.String({
            description:
              'Expected cost of one received code, waiting and vain numbers included: the lower the better. For comparison, no price',
            examples: ['0.182400'],
          }),
          successRate: Rate,
          observations: Type.Number({ description: 'What the rate rests on: numbers of this very route, older ones counting less' }),
          latencyMs: Type.Integer({ description: 'Expected time from purchase to code', examples: [14_000] }),
          stock: Stock,
        },
        closed,
      ),
      { description: 'Best first, as decided at the purchase' },
    ),
    attempts: Type.Array(
      Type.Object(
        {
          route: RouteCode,
          outcome: Type.String({
            description:
              'granted; asked, while its answer is not known; no_numbers, price, not_offered, account or unreachable; failed for the last one',
            examples: ['granted'],
          }),
          at: nullable(Timestamp),
        },
        closed,
      ),
      { description: 'Who was asked, in this order' },
    ),
  },
  closed,
);
const ServiceStatus = Type.Object(
  {
    service: Type.String({ examples: ['telegram'] }),
    country: Type.String({ examples: ['ID'] }),
    successRate: nullable(Rate),
    interval: nullable(
      Type.Object(
        { low: Type.Number({ examples: [0.81] }), high: Type.Number({ examples: [0.91] }) },
        { ...closed, description: '95% (Wilson)' },
      ),
    ),
    numbers: Type.Integer({ description: 'That the rate rests on', examples: [214] }),
    medianLatencyMs: nullable(Type.Integer({ description: 'From purchase to code', examples: [11_800] })),
    stock: Stock,
  },
  closed,
);
const Provider = Type.Object(
  {
    name: Type.String({ examples: ['handler-api'] }),
    route: RouteCode,
    circuit: Type.String({ description: 'closed, half_open or open', examples: ['closed'] }),
    openUntil: nullable(Timestamp),
    paused: Type.Boolean(),
    pausedAt: nullable(Timestamp),
    pausedBy: nullable(Type.String()),
    pauseNote: nullable(Type.String()),
    balance: nullable(Type.String({ examples: ['182.40'] })),
    currency: nullable(Type.String({ examples: ['USD'] })),
    balanceAt: nullable(Timestamp),
    expectedBalance: Type.Union([Type.String({ examples: ['183.10'] }), Type.Null()], {
      description: 'What it should have held by what we know; null: not compared yet',
    }),
    drift: Type.Union([Type.String({ examples: ['-0.70'] }), Type.Null()], {
      description: 'What of the difference nobody can explain; below zero: money is missing',
    }),
    driftLimit: Type.Union([Type.String({ examples: ['5.00'] }), Type.Null()], { description: 'What may be left over' }),
    reconciledAt: nullable(Timestamp),
    marketAt: Type.Union([Timestamp, Type.Null()], { description: 'When its price list was read' }),
  },
  closed,
);
const KnownRoute = Type.Object(
  {
    provider: Type.String(),
    service: Type.String(),
    country: Type.String(),
    operator: Type.String({ description: 'Empty: any' }),
    successRate: Rate,
    availability: Type.Number({ description: 'Share of times asked that gave a number' }),
    observations: Type.Number(),
    latencyMs: Type.Integer(),
    cost: nullable(Type.String({ examples: ['0.20'] })),
    currency: nullable(Type.String()),
    stock: Stock,
  },
  closed,
);
const Service = Type.Optional(Type.String({ minLength: 1, maxLength: 64, examples: ['telegram'] }));
const Country = Type.Optional(Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] }));
const named = { params: Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) }) };

const providerFromProto = (provider: ProviderMessage | undefined) => {
  if (!provider) throw new Error('the verification service answered without a provider');
  return {
    ...{ name: provider.name, route: provider.route, circuit: provider.circuit, paused: provider.paused },
    ...{ openUntil: fromTime(provider.openUntil), pausedAt: fromTime(provider.pausedAt) },
    ...{ pausedBy: orNull(provider.pausedBy), pauseNote: orNull(provider.pauseNote) },
    ...{ balance: provider.balance ? fromMoney(provider.balance) : null, currency: provider.balance?.currency ?? null },
    ...{ balanceAt: fromTime(provider.balanceAt), marketAt: fromTime(provider.marketAt), reconciledAt: fromTime(provider.reconciledAt) },
    expectedBalance: provider.expectedBalance ? fromMoney(provider.expectedBalance) : null,
    drift: provider.drift ? fromMoney(provider.drift) : null,
    driftLimit: provider.driftLimit ? fromMoney(provider.driftLimit) : null,
  };
};

/** Why a purchase went where it went, how services do, and what operators do about providers. */
export const routingRoutes = (app: App, { routing }: Pick<Backends, 'routing'>): void => {
  app.get(
    '/v2/verifications/:id/route',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags: ['verifications'],
        summary: 'Why this provider',
        description: 'Who could have been asked, what was expected of each, and who was.',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Route, ...problems(403, 404) },
      },
    },
    async (request) => {
      const { candidates, attempts } = await routing.getRoute({ id: pathId('verification', request.params.id) }, callOptions(request));
      return {
        candidates: candidates.map(({ route, verdict, score, successRate, observations, latencyMs, stock }) => ({
          ...{ route, verdict: verdict as (typeof verdicts)[number], score: fromMoney({ currency: 'USD', micros: score }) },
          ...{ successRate, observations, latencyMs: Number(latencyMs), stock: stock ?? null },
        })),
        attempts: attempts.map(({ route, outcome, at }) => ({ route, outcome, at: fromTime(at) })),
      };
    },
  );
  app.get(
    '/v2/service-status',
    {
      config: { access: publicAccess },
      schema: {
        tags: ['catalogue'],
        summary: 'How services do',
        description: 'The last 24 hours of every service and country that was asked for, over all providers. Up to a minute old.',
        security: [],
        querystring: Type.Object({ ...PageQuery, service: Service, country: Country }, closed),
        response: { 200: pageOf(ServiceStatus), ...problems(422) },
      },
    },
    async (request, reply) => {
      const { service = '', country = '' } = request.query;
      const answer = await routing.listServiceStatus({ page: toPage(request.query), service, country }, callOptions(request));
      void reply.header('cache-control', 'public, max-age=30');
      return page(answer.rows, answer.nextCursor, (row) => ({
        ...{ service: row.service, country: row.country, numbers: Number(row.numbers), stock: row.stock ?? null },
        successRate: row.successRate ?? null,
        interval: row.successRate === undefined ? null : { low: row.successRateLow ?? 0, high: row.successRateHigh ?? 1 },
        medianLatencyMs: row.medianLatencyMs === undefined ? null : Number(row.medianLatencyMs),
      }));
    },
  );

  const tags = ['admin'];
  const config = { access: operatorAccess() };
  app.get(
    '/v2/admin/providers',
    {
      config,
      schema: {
        tags,
        summary: 'Providers: circuits, pauses, balances',
        response: { 200: Type.Object({ data: Type.Array(Provider) }, closed), ...problems(403) },
      },
    },
    async (request) => ({ data: (await routing.listProviders({}, callOptions(request))).providers.map(providerFromProto) }),
  );
  app.get(
    '/v2/admin/routes',
    {
      config,
      schema: {
        tags,
        summary: 'What is known of each route',
        querystring: Type.Object(
          { ...PageQuery, provider: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })), service: Service, country: Country },
          closed,
        ),
        response: { 200: pageOf(KnownRoute), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { provider = '', service = '', country = '' } = request.query;
      const filter = { provider, service: service.toLowerCase(), country: country.toUpperCase() };
      const answer = await routing.listRoutes({ page: toPage(request.query), ...filter }, callOptions(request));
      return page(answer.routes, answer.nextCursor, ({ cost, latencyMs, stock, ...route }) => ({
        ...route,
        ...{ latencyMs: Number(latencyMs), stock: stock ?? null },
        ...{ cost: cost ? fromMoney(cost) : null, currency: cost?.currency ?? null },
      }));
    },
  );
  app.post(
    '/v2/admin/providers/:name/pause',
    {
      config,
      schema: {
        tags,
        summary: 'Send no further purchase to a provider',
        description: 'What is rented there stays rented. Repeatable.',
        ...named,
        body: Type.Object(
          { note: Type.String({ minLength: 1, maxLength: 1_000, examples: ['They announced maintenance until 14:00'] }) },
          closed,
        ),
        response: { 200: Provider, ...problems(403, 404, 422) },
      },
    },
    async (request) =>
      providerFromProto(
        (await routing.pauseProvider({ name: request.params.name, note: request.body.note }, callOptions(request))).provider,
      ),
  );
  app.post(
    '/v2/admin/providers/:name/resume',
    {
      config,
      schema: { tags, summary: 'End a pause', description: 'Repeatable.', ...named, response: { 200: Provider, ...problems(403, 404) } },
    },
    async (request) => providerFromProto((await routing.resumeProvider({ name: request.params.name }, callOptions(request))).provider),
  );
};
