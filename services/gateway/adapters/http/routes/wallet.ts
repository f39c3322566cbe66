import { Type } from 'typebox';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, orNull, page, toMoney, toPage } from '../mapping.ts';
import { Amount, closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, SignedAmount, Timestamp } from '../schemas.ts';
import type { Payment as PaymentMessage } from '#proto/namaskah/billing/v1/billing.ts';
import type { App } from './index.ts';

const Wallet = Type.Object(
  {
    currency: Currency,
    balance: SignedAmount,
    held: Type.String({ description: 'Promised to running verifications and campaigns' }),
    available: Type.String({ description: 'balance minus held: what can be spent' }),
    paid: Type.String({ description: 'The part of the balance that was paid for', examples: ['12.05'] }),
    promotional: Type.String({ description: 'The part of the balance that was given; it is spent first', examples: ['0.50'] }),
    nextExpiry: Type.Union([Type.Object({ at: Timestamp, amount: Type.String({ examples: ['0.50'] }) }, closed), Type.Null()], {
      description: 'What expires next, unless it is spent before',
    }),
  },
  closed,
);
const Payment = Type.Object(
  {
    id: id('pay'),
    reference: Type.String(),
    status: Type.Union([Type.Literal('pending'), Type.Literal('succeeded'), Type.Literal('failed')]),
    amount: Type.String(),
    currency: Currency,
    gateway: Type.String(),
    checkoutUrl: Type.Union([Type.String({ description: 'Page where a person pays' }), Type.Null()]),
    failureReason: Type.Union([Type.String(), Type.Null()]),
    createdAt: Timestamp,
    settledAt: Type.Union([Timestamp, Type.Null()]),
  },
  closed,
);
const Gateway = Type.Union([Type.Literal('simulator'), Type.Literal('stripe'), Type.Literal('paystack'), Type.Literal('flutterwave')], {
  description: 'Where to pay; one that this installation does not offer is request.invalid on "gateway"',
});

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

export const walletRoutes = (app: App, { wallet, payments }: Backends): void => {
  const tags = ['wallet'];
  app.get(
    '/v2/wallet',
    { config: { access: readAccess('wallet:read') }, schema: { tags, summary: 'Balance', response: { 200: Wallet, ...problems(403) } } },
    async (request) => {
      const answer = await wallet.getWallet({}, callOptions(request));
      return {
        currency: answer.currency,
        balance: fromMoney(answer.balance),
        held: fromMoney(answer.held),
        available: fromMoney(answer.available),
        paid: fromMoney(answer.paid),
        promotional: fromMoney(answer.promotional),
        nextExpiry: answer.nextExpiry ? { at: fromTime(answer.nextExpiry.at) ?? '', amount: fromMoney(answer.nextExpiry.amount) } : null,
      };
    },
  );
  app.post(
    '/v2/payments',
    {
      config: { access: writeAccess('payments:write') },
      schema: {
        tags,
        summary: 'Start a payment',
        description: 'Open checkoutUrl in a browser to pay. The wallet is credited once, when the gateway confirms.',
        headers: IdempotencyHeaders,
        body: Type.Object({ amount: Amount, currency: Currency, gateway: Gateway }, closed),
        response: { 201: Payment, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { amount, currency, gateway } = request.body;
      const answer = await payments.startPayment(
        { idempotencyKey: idempotencyKeyOf(request), amount: toMoney('amount', amount, currency), gateway },
        callOptions(request),
      );
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
      schema: {
        tags,
        summary: 'One payment',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Payment, ...problems(403, 404) },
      },
    },
    async (request) =>
      paymentFromProto((await payments.getPayment({ id: pathId('payment', request.params.id) }, callOptions(request))).payment),
  );
};
