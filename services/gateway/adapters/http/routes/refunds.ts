import { Type } from 'typebox';
import type { Refund as RefundMessage } from '#proto/namaskah/billing/v1/refunds.ts';
import { adminAccess, operatorAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, fieldId, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, orNull, page, toOptionalMoney, toPage } from '../mapping.ts';
import { Amount, closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const statuses = ['pending', 'succeeded', 'failed'] as const;
const causes = ['customer', 'operator', 'surplus'] as const;

const Refund = Type.Object(
  {
    id: id('ref'),
    paymentId: id('pay'),
    status: Type.Enum([...statuses], {
      description:
        'failed: the credit is back in the wallet; of a surplus, which never was credit, nothing is, and the operators give it back',
    }),
    amount: Type.String({ examples: ['25.00'] }),
    currency: Currency,
    gateway: Type.String({ examples: ['stripe'] }),
    cause: Type.Enum([...causes], { description: 'surplus: the payment was paid twice, and the second goes back' }),
    reason: Type.String({ examples: ['Not needed any more'] }),
    requestedBy: Type.String({ examples: ['user:0192d3a0-0000-7000-8000-000000000002'] }),
    failureReason: Type.Union([Type.String(), Type.Null()]),
    createdAt: Timestamp,
    settledAt: Type.Union([Timestamp, Type.Null()]),
  },
  { ...closed, description: 'Money on its way back by the gateway that it came by' },
);
const wanted = {
  paymentId: id('pay'),
  amount: Type.Optional(Amount),
  currency: Type.Optional(Currency),
  reason: Type.String({ minLength: 1, maxLength: 500, examples: ['Not needed any more'] }),
};

const refundFromProto = (refund: RefundMessage | undefined) => {
  if (!refund) throw new Error('the billing service answered without a refund');
  return {
    id: edgeId('refund', refund.id),
    paymentId: edgeId('payment', refund.paymentId),
    status: fromEnum('REFUND_STATUS', refund.status) as (typeof statuses)[number],
    amount: fromMoney(refund.amount),
    currency: refund.amount?.currency ?? '',
    gateway: refund.gateway,
    cause: refund.cause as (typeof causes)[number],
    reason: refund.reason,
    requestedBy: refund.requestedBy,
    failureReason: orNull(refund.failureReason),
    createdAt: fromTime(refund.createdAt) ?? '',
    settledAt: fromTime(refund.settledAt),
  };
};

/** Refunds of payments. Charges for services go back to the wallet instead: /v2/admin/refunds. */
export const refundRoutes = (app: App, { refunds }: Pick<Backends, 'refunds'>): void => {
  const tags = ['payments'];
  app.post(
    '/v2/refunds',
    {
      config: { access: adminAccess('payments:write') },
      schema: {
        tags,
        summary: 'Have a payment given back',
        description:
          'Whole or in part, to where it was paid from. The wallet is debited at once, of paid credit that is neither spent nor held; what the gateway refuses comes back to it.',
        headers: IdempotencyHeaders,
        body: Type.Object(wanted, { ...closed, description: 'Without amount: all that is left of the payment' }),
        response: { 201: Refund, ...problems(402, 403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { paymentId, reason } = request.body;
      const answer = await refunds.requestRefund(
        {
          idempotencyKey: idempotencyKeyOf(request),
          paymentId: pathId('payment', paymentId),
          amount: toOptionalMoney(request.body),
          reason,
        },
        callOptions(request),
      );
      return reply.code(201).send(refundFromProto(answer.refund));
    },
  );
  app.post(
    '/v2/admin/payment-refunds',
    {
      config: { access: operatorAccess() },
      schema: {
        tags: ['admin'],
        summary: "Give a tenant's payment back",
        description: 'The same as POST /v2/refunds, by an operator, for the tenant that the request names.',
        headers: IdempotencyHeaders,
        body: Type.Object(
          { tenantId: id('ten'), ...wanted },
          { ...closed, description: 'Without amount: all that is left of the payment' },
        ),
        response: { 201: Refund, ...problems(402, 403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { tenantId, paymentId, reason } = request.body;
      const answer = await refunds.requestRefundFor(
        {
          tenantId: pathId('tenant', tenantId),
          refund: {
            idempotencyKey: idempotencyKeyOf(request),
            paymentId: pathId('payment', paymentId),
            amount: toOptionalMoney(request.body),
            reason,
          },
        },
        callOptions(request),
      );
      return reply.code(201).send(refundFromProto(answer.refund));
    },
  );
  app.get(
    '/v2/refunds',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags,
        summary: 'List refunds, newest first',
        querystring: Type.Object({ ...PageQuery, paymentId: Type.Optional(id('pay')) }, closed),
        response: { 200: pageOf(Refund), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { paymentId } = request.query;
      const answer = await refunds.listRefunds(
        { page: toPage(request.query), paymentId: fieldId('payment', 'paymentId', paymentId) },
        callOptions(request),
      );
      return page(answer.refunds, answer.nextCursor, refundFromProto);
    },
  );
  app.get(
    '/v2/refunds/:id',
    {
      config: { access: readAccess('payments:read') },
      schema: { tags, summary: 'One refund', params: Type.Object({ id: Type.String() }), response: { 200: Refund, ...problems(403, 404) } },
    },
    async (request) => refundFromProto((await refunds.getRefund({ id: pathId('refund', request.params.id) }, callOptions(request))).refund),
  );
};
