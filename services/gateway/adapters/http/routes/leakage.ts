import type { FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import type { Leakage as LeakageMessage } from '#proto/namaskah/verification/v1/leakage.ts';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { csvRow, csvText } from '../csv.ts';
import { fromMoney, orNull } from '../mapping.ts';
import { closed, Currency, problems } from '../schemas.ts';
import type { App } from './index.ts';

const Day = (description: string) => Type.String({ pattern: String.raw`^\d{4}-\d{2}-\d{2}$`, description, examples: ['2026-11-21'] });
const amount = (description: string, example: string) => Type.String({ description, examples: [example] });
const grouped = (description: string, example: string) =>
  Type.Union([Type.String({ examples: [example] }), Type.Null()], { description: `${description}; null when not grouped by` });

const Leakage = Type.Object(
  {
    day: grouped('On which the activations ended, UTC', '2026-11-21'),
    provider: grouped('Name of the provider', 'handler-api'),
    service: grouped('Code of the service', 'telegram'),
    currency: Currency,
    activations: Type.Integer({ minimum: 0, examples: [1_200] }),
    charged: amount('Codes came: rightly owed', '204.10'),
    refunded: amount('Without a code; the provider says that it costs nothing', '31.40'),
    claimed: amount('Without a code; the provider is still being asked', '0.60'),
    lost: amount('Without a code for the customer; the provider keeps it, or gave no answer within a day', '2.20'),
    lostActivations: Type.Integer({ minimum: 0, examples: [11] }),
    lostShare: amount('lost ÷ (refunded + lost): how much of what should have come back did not', '0.0655'),
  },
  closed,
);

const share = (lost: bigint, refunded: bigint): string =>
  lost + refunded === 0n ? '0.0000' : (Number((lost * 10_000n) / (lost + refunded)) / 10_000).toFixed(4);

const fromProto = (row: LeakageMessage): Static<typeof Leakage> => ({
  day: orNull(row.day),
  provider: orNull(row.provider),
  service: orNull(row.service),
  currency: row.lost?.currency ?? 'USD',
  activations: Number(row.activations),
  charged: fromMoney(row.charged),
  refunded: fromMoney(row.refunded),
  claimed: fromMoney(row.claimed),
  lost: fromMoney(row.lost),
  lostActivations: Number(row.lostActivations),
  lostShare: share(row.lost?.micros ?? 0n, row.refunded?.micros ?? 0n),
});

const Query = Type.Object(
  {
    from: Day('First day, UTC'),
    to: Day('Last day, UTC, inclusive'),
    groupBy: Type.Optional(
      Type.String({
        pattern: '^(?:provider|service|day)(?:,(?:provider|service|day)){0,2}$',
        description: 'Any of provider, service, day, separated by commas; provider by default',
        examples: ['provider,day'],
      }),
    ),
    provider: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['handler-api'] })),
    service: Type.Optional(Type.String({ minLength: 1, maxLength: 64, examples: ['telegram'] })),
  },
  closed,
);

const columns = Object.keys(Leakage.properties) as (keyof Static<typeof Leakage>)[];

export const leakageRoutes = (app: App, { leakage }: Pick<Backends, 'leakage'>): void => {
  const read = async (request: FastifyRequest, { from, to, groupBy = '', provider = '', service = '' }: Static<typeof Query>) => {
    const by = groupBy === '' ? [] : groupBy.split(',');
    return (await leakage.reportLeakage({ from, to, groupBy: by, provider, service }, callOptions(request))).rows.map(fromProto);
  };
  const description =
    'What providers were paid, gave back, and kept although no customer got a code, of the activations that ended on these days; newest day first, then the largest loss. At most 92 days and 10,000 rows.';
  app.get(
    '/v2/admin/leakage',
    {
      config: { access: operatorAccess() },
      schema: {
        tags: ['admin'],
        summary: 'What providers owe us and what we lose to them',
        description,
        querystring: Query,
        response: { 200: Type.Object({ data: Type.Array(Leakage) }, closed), ...problems(403, 422) },
      },
    },
    async (request) => ({ data: await read(request, request.query) }),
  );
  app.get(
    '/v2/admin/leakage/export.csv',
    {
      config: { access: operatorAccess() },
      schema: {
        tags: ['admin'],
        summary: 'The same as a file',
        description,
        querystring: Query,
        produces: ['text/csv'],
        response: {
          200: { description: 'The file', content: { 'text/csv': { schema: Type.String({ examples: [`${columns.join(',')}\r\n`] }) } } },
          ...problems(403, 422),
        },
      },
    },
    async (request, reply) => {
      const rows = await read(request, request.query);
      const lines = rows.map((row) => csvRow(columns.map((column) => csvText(String(row[column] ?? '')))));
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="leakage-${request.query.from}-${request.query.to}.csv"`)
        .serializer(String)
        .send(csvRow(columns) + lines.join(''));
    },
  );
};
