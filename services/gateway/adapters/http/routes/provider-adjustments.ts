import { Type } from 'typebox';
import type { ProviderAdjustment } from '#proto/namaskah/verification/v1/balances.ts';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { fromMoney, fromTime, page, toMoney, toPage, toTime } from '../mapping.ts';
import { closed, Currency, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const Kind = Type.Enum(['top_up', 'correction'], {
  description: 'top_up: money that was paid in. correction: makes an explained difference go away',
  examples: ['top_up'],
});
const Reference = Type.String({
  minLength: 1,
  maxLength: 100,
  description: 'Of the payment, for example; written once',
  examples: ['INV-2026-118'],
});
const Note = Type.String({ minLength: 1, maxLength: 1_000, examples: ['Card payment in the provider’s cabinet'] });
const Adjustment = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    provider: Type.String({ examples: ['handler-api'] }),
    kind: Kind,
    amount: Type.String({ description: 'Of a correction with its sign', examples: ['500.00'] }),
    currency: Currency,
    reference: Reference,
    note: Note,
    happenedAt: Timestamp,
    recordedAt: Timestamp,
    recordedBy: Type.String({ description: 'user:<id>' }),
  },
  closed,
);

const fromProto = (adjustment: ProviderAdjustment | undefined) => {
  if (!adjustment) throw new Error('the verification service answered without an adjustment');
  const { amount, happenedAt, recordedAt, kind, ...rest } = adjustment;
  return {
    ...{ ...rest, kind: kind as 'top_up', amount: fromMoney(amount), currency: amount?.currency ?? 'USD' },
    ...{ happenedAt: fromTime(happenedAt) ?? '', recordedAt: fromTime(recordedAt) ?? '' },
  };
};

/** What operators write down of our accounts at providers. What those hold and should hold: GET /v2/admin/providers. */
export const providerAdjustmentRoutes = (app: App, { balances }: Pick<Backends, 'balances'>): void => {
  const tags = ['admin'];
  const config = { access: operatorAccess() };
  const params = Type.Object({ name: Type.String({ minLength: 1, maxLength: 64, examples: ['handler-api'] }) });
  app.post(
    '/v2/admin/providers/:name/adjustments',
    {
      config,
      schema: {
        tags,
        summary: 'Write down a top-up at a provider, or a correction',
        description: 'Our balance there is compared with what purchases cost and gave back; what else moves it has to be said. Repeatable.',
        params,
        body: Type.Object(
          {
            kind: Kind,
            amount: Type.String({
              pattern: String.raw`^-?\d{1,9}(\.\d{1,6})?$`,
              description: 'Decimal, in USD; only a correction may be below zero',
              examples: ['500.00'],
            }),
            reference: Reference,
            note: Note,
            happenedAt: Type.Optional(Type.String({ ...Timestamp, description: 'At most a day ago; left out: now' })),
          },
          closed,
        ),
        response: { 201: Adjustment, ...problems(403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { kind, amount, reference, note, happenedAt } = request.body;
      const asked = {
        ...{ provider: request.params.name, kind, reference, note, happenedAt: toTime(happenedAt) },
        amount: toMoney('amount', amount),
      };
      const answer = await balances.recordAdjustment(asked, callOptions(request));
      return reply.code(201).send(fromProto(answer.adjustment));
    },
  );
  app.get(
    '/v2/admin/providers/:name/adjustments',
    {
      config,
      schema: {
        tags,
        summary: 'Top-ups and corrections at a provider, newest first',
        params,
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Adjustment), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const answer = await balances.listAdjustments({ provider: request.params.name, page: toPage(request.query) }, callOptions(request));
      return page(answer.adjustments, answer.nextCursor, fromProto);
    },
  );
};
