import { Type } from 'typebox';
import { adminAccess, readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, fieldId, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, orNull, page, toMoney, toPage } from '../mapping.ts';
import { Amount, closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { Payment as PaymentMessage, PaymentLogEntry } from '#proto/namaskah/billing/v1/billing.ts';
import type { App } from './index.ts';

const Payment = Type.Object(
  {
    id: id('pay'),
    reference: Type.String({ description: 'What the gateway and its statements call it' }),
    status: Type.Enum(['pending', 'succeeded', 'failed']),
    amount: Type.String({ examples: ['25.00'] }),
    currency: Currency,
    gateway: Type.String({ description: 'Of the current attempt, or of the one that was paid', examples: ['stripe'] }),
    checkoutUrl: Type.Union([Type.String({ description: 'Page where a person pays' }), Type.Null()]),
    failureReason: Type.Union([Type.String(), Type.Null()]),
    createdAt: Timestamp,
    settledAt: Type.Union([Timestamp, Type.Null()]),
  },
  closed,
);
const gateways = ['simulator', 'stripe', 'paystack', 'flutterwave'] as const;
const Gateway = Type.Optional(
  Type.Enum([...gateways], {
    description:
      'Where to pay; left out, the platform chooses, and goes on to the next when one refuses or does not answer. One that this installation does not offer is request.invalid on "gateway"',
  }),
);
const LogEntry = Type.Object(
  {
    at: Timestamp,
    kind: Type.String({
      description:
        'attempt_started, attempt_failed, attempt_succeeded, attempt_surplus (paid twice: given back), attempt_mismatched, notification_received, refund_requested, refund_succeeded, refund_failed, dispute_opened, dispute_won or dispute_lost',
      examples: ['attempt_started'],
    }),
    gateway: Type.String({ examples: ['stripe'] }),
    reference: Type.String({ description: 'What the gateway knows it by' }),
    detail: Type.Union([Type.String(), Type.Null()]),
    amount: Type.Union([Type.String(), Type.Null()], { description: 'Of refunds and disputes' }),
    currency: Type.Union([Currency, Type.Null()]),
  },
  closed,
);

const paymentFromProto = (payment: PaymentMessage | undefined) => {
  if (!payment) throw new Error('the billing service answered without a payment');
  return {
    id: edgeId('payment', payment.id),
    reference: payment.reference,
    status: fromEnum('PAYMENT_STATUS', payment.status) as 'pending' | 'succeeded' | 'failed',
    amount: fromMoney(payment.amount),
    currency: payment.amount?.currency ?? '',
    gateway: payment.gateway,
    checkoutUrl: orNull(payment.checkoutUrl),
    failureReason: orNull(payment.failureReason),
    createdAt: fromTime(payment.createdAt) ?? '',
    settledAt: fromTime(payment.settledAt),
  };
};

const logEntryFromProto = ({ at, kind, gateway, reference, detail, amount }: PaymentLogEntry) => ({
  at: fromTime(at) ?? '',
  kind,
  gateway,
  reference,
  detail: orNull(detail),
  amount: amount === undefined ? null : fromMoney(amount),
  currency: amount?.currency ?? null,
});

export const paymentRoutes = (app: App, { payments }: Pick<Backends, 'payments'>): void => {
  const tags = ['payments'];
  const params = Type.Object({ id: Type.String() });
  app.post(
    '/v2/payments',
    {
      config: { access: writeAccess('payments:write') },
      schema: {
        tags,
        summary: 'Start a payment',
        description:
          'Open checkoutUrl in a browser to pay, or name a saved payment method, which is charged at once. The wallet is credited once, when the gateway confirms.',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            amount: Amount,
            currency: Currency,
            gateway: Gateway,
            saveMethod: Type.Optional(
              Type.Boolean({ description: 'Let the gateway keep the card, for later payments without a page: /v2/payment-methods' }),
            ),
            paymentMethodId: Type.Optional(id('pm')),
          },
          closed,
        ),
        response: { 201: Payment, ...problems(403, 409, 422, 503) },
      },
    },
    async (request, reply) => {
      const { amount, currency, gateway = '', saveMethod = false } = request.body;
      const paymentMethodId = fieldId('paymentMethod', 'paymentMethodId', request.body.paymentMethodId);
      const asked = { amount: toMoney('amount', amount, currency), gateway, saveMethod, paymentMethodId };
      const answer = await payments.startPayment({ idempotencyKey: idempotencyKeyOf(request), ...asked }, callOptions(request));
      return reply.code(201).send(paymentFromProto(answer.payment));
    },
  );
  app.get(
    '/v2/payments',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags,
        summary: 'List payments, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Payment), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await payments.listPayments({ page: toPage(request.query) }, callOptions(request));
      return page(answer.payments, answer.nextCursor, paymentFromProto);
    },
  );
  app.get(
    '/v2/payments/:id',
    {
      config: { access: readAccess('payments:read') },
      schema: { tags, summary: 'One payment', params, response: { 200: Payment, ...problems(403, 404) } },
    },
    async (request) =>
      paymentFromProto((await payments.getPayment({ id: pathId('payment', request.params.id) }, callOptions(request))).payment),
  );
  app.get(
    '/v2/payments/:id/log',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags,
        summary: 'What happened to a payment, oldest first',
        description: 'Attempts, webhooks of the gateway, refunds and disputes, at most 500. What support needs to find it at the gateway.',
        params,
        response: { 200: Type.Object({ data: Type.Array(LogEntry) }, closed), ...problems(403, 404) },
      },
    },
    async (request) => {
      const { entries } = await payments.getPaymentLog({ id: pathId('payment', request.params.id) }, callOptions(request));
      return { data: entries.map(logEntryFromProto) };
    },
  );
  app.post(
    '/v2/payments/:id/retry',
    {
      config: { access: adminAccess('payments:write') },
      schema: {
        tags,
        summary: 'Pay by another attempt, perhaps at another gateway',
        description:
          'Of a payment that is not paid. Earlier pages stay open: the first success is credited, a further one is given back by itself. At most ten attempts.',
        headers: IdempotencyHeaders,
        params,
        body: Type.Object({ gateway: Gateway }, closed),
        response: { 200: Payment, ...problems(403, 404, 409, 422, 503) },
      },
    },
    async (request) => {
      const answer = await payments.retryPayment(
        { idempotencyKey: idempotencyKeyOf(request), id: pathId('payment', request.params.id), gateway: request.body.gateway ?? '' },
        callOptions(request),
      );
      return paymentFromProto(answer.payment);
    },
  );
};
