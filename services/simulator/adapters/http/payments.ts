import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { formatDecimal, maxMicros, parseDecimal } from '#platform/money/index.ts';
import type { CreatePayment, PaymentBook } from '../../app/create-payment.ts';
import { cardOf, type ChargeCard } from '../../app/charge-card.ts';
import type { DisputeBook, SimulatedDispute } from '../../app/dispute-payment.ts';
import type { RefundBook, SimulatedRefund } from '../../app/refund-payment.ts';
import type { World } from '../../app/ports.ts';
import type { SettlePayment } from '../../app/settle-payment.ts';
import type { Payment } from '../../domain/payment.ts';
import { bodyReader } from './check-body.ts';
import { paymentFaults } from './payment-faults.ts';
import { checkoutPage, checkoutResultPage, messagePage } from './pages.ts';
import { invalid } from './problem.ts';

export interface PaymentDependencies {
  readonly world: World;
  readonly secret: string;
  readonly book: PaymentBook;
  readonly createPayment: CreatePayment;
  readonly chargeCard: ChargeCard;
  readonly settlePayment: SettlePayment;
  readonly refundBook: RefundBook;
  readonly disputeBook: DisputeBook;
}

const readOrder = bodyReader(
  Type.Object(
    {
      reference: Type.String({ minLength: 1, maxLength: 200 }),
      amount: Type.String({ minLength: 1, maxLength: 20 }),
      currency: Type.String({ pattern: '^[A-Z]{3}$' }),
      webhookUrl: Type.String({ pattern: '^https?://', maxLength: 2_000 }),
      saveCard: Type.Optional(Type.Boolean()),
      /** Of a saved card: charged at once, without a page. */
      token: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      returnUrl: Type.Optional(Type.String({ pattern: '^(https?://.*)?$', maxLength: 2_000 })),
    },
    { additionalProperties: false },
  ),
);

export const paymentJson = (payment: Payment, checkoutUrl: string): object => ({
  id: payment.id,
  reference: payment.reference,
  status: payment.status,
  amount: formatDecimal(payment.paidMicros),
  currency: payment.paidCurrency,
  checkoutUrl: payment.direct === true ? '' : checkoutUrl,
  card: cardOf(payment) ?? null,
  createdAt: new Date(payment.createdAtMs).toISOString(),
});

const refundJson = ({ id, payment, amountMicros, note, status, createdAtMs }: SimulatedRefund): object => ({
  id,
  paymentId: payment.id,
  reference: payment.reference,
  note,
  status,
  amount: formatDecimal(amountMicros),
  currency: payment.paidCurrency,
  createdAt: new Date(createdAtMs).toISOString(),
});

export const disputeJson = ({ id, payment, amountMicros, reason, status, createdAtMs }: SimulatedDispute): object => ({
  id,
  paymentId: payment.id,
  reference: payment.reference,
  reason,
  status,
  amount: formatDecimal(amountMicros),
  currency: payment.paidCurrency,
  createdAt: new Date(createdAtMs).toISOString(),
});

const readRefund = bodyReader(
  Type.Object(
    { amount: Type.Optional(Type.String({ minLength: 1, maxLength: 20 })), note: Type.String({ minLength: 1, maxLength: 200 }) },
    { additionalProperties: false },
  ),
);

const html = (reply: FastifyReply, status: number, body: string): FastifyReply =>
  reply
    .code(status)
    .type('text/html; charset=utf-8')
    .headers({
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    .send(body);

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The API of the payment gateway, and its hosted page. */
export const registerPayments = (server: FastifyInstance, dependencies: PaymentDependencies): void => {
  const { world, book, createPayment, chargeCard, settlePayment, refundBook, disputeBook } = dependencies;
  const authorization = digest(`Bearer ${dependencies.secret}`);
  const { meetOutage, create: createUnderFaults } = paymentFaults(world);

  const answer = (request: FastifyRequest, payment: Payment): object =>
    paymentJson(payment, `${request.protocol}://${request.host}/checkout/${payment.id}`);

  const authenticate = (request: FastifyRequest): void => {
    if (!timingSafeEqual(digest(request.headers.authorization ?? ''), authorization)) throw appError('auth.unauthenticated');
  };
  const create = (request: FastifyRequest): Payment => {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || key.length < 1 || key.length > 255) {
      throw invalid([{ field: 'Idempotency-Key', reason: 'is required, at most 255 characters' }]);
    }
    const order = readOrder(request.body);
    const amountMicros = parseDecimal(order.amount);
    if (amountMicros === undefined || amountMicros <= 0n || amountMicros > maxMicros) {
      throw invalid([{ field: 'amount', reason: 'must be a positive decimal number' }]);
    }
    const { token, saveCard: savesCard = false, returnUrl = '', ...rest } = order;
    const wanted = { ...rest, savesCard, protocol: 'simulator' as const, amountMicros, returnUrl };
    const payment = token === undefined ? createPayment(wanted, key) : chargeCard(wanted, token, key);
    if (payment === undefined) throw invalid([{ field: 'token', reason: 'is of no saved card' }]);
    return payment;
  };

  server.post('/payments', async (request, reply) => {
    if (await meetOutage(reply)) return reply;
    authenticate(request);
    return createUnderFaults(reply, () => {
      const payment = create(request);
      return () => reply.code(201).send(answer(request, payment));
    });
  });

  // The note is the key: a refund that is asked for again is the same.
  server.post<{ Params: { id: string } }>('/payments/:id/refunds', async (request, reply) => {
    if (await meetOutage(reply)) return reply;
    authenticate(request);
    const payment = book.payments.get(request.params.id);
    if (payment?.protocol !== 'simulator') throw appError('request.not_found');
    return createUnderFaults(reply, () => {
      const { amount, note } = readRefund(request.body);
      const amountMicros = amount === undefined ? undefined : parseDecimal(amount);
      if (amount !== undefined && amountMicros === undefined) throw invalid([{ field: 'amount', reason: 'must be a decimal number' }]);
      const made = refundBook.of(payment).find((each) => each.note === note) ?? refundBook.refund(payment, amountMicros, note);
      if (typeof made === 'string')
        throw invalid([{ field: 'amount', reason: made === 'not_paid' ? 'is not paid' : 'exceeds what is left' }]);
      return () => reply.code(201).send(refundJson(made));
    });
  });
  server.get<{ Params: { id: string } }>('/payments/:id/refunds', async (request, reply) => {
    if (await meetOutage(reply)) return reply;
    authenticate(request);
    const payment = book.payments.get(request.params.id);
    if (payment?.protocol !== 'simulator') throw appError('request.not_found');
    return { data: refundBook.of(payment).map(refundJson) };
  });
  server.get<{ Querystring: { from?: string } }>('/disputes', async (request, reply) => {
    if (await meetOutage(reply)) return reply;
    authenticate(request);
    const from = Date.parse(request.query.from ?? '');
    if (Number.isNaN(from)) throw invalid([{ field: 'from', reason: 'is a time' }]);
    const own = disputeBook.disputes
      .newest(100_000)
      .filter(({ payment, createdAtMs }) => payment.protocol === 'simulator' && createdAtMs >= from);
    return { data: own.map(disputeJson) };
  });
  // What an accountant downloads: everything that succeeded in [from, to).
  server.get<{ Querystring: { from?: string; to?: string } }>('/statement', async (request, reply) => {
    if (await meetOutage(reply)) return reply;
    authenticate(request);
    const [from, to] = [Date.parse(request.query.from ?? ''), Date.parse(request.query.to ?? '')];
    if (Number.isNaN(from) || Number.isNaN(to)) throw invalid([{ field: 'from', reason: 'from and to are times' }]);
    const within = ({ createdAtMs }: { createdAtMs: number }): boolean => createdAtMs >= from && createdAtMs < to;
    const own = [...book.payments.newest(100_000)].filter(({ protocol }) => protocol === 'simulator');
    return {
      payments: own.filter((payment) => payment.status === 'succeeded' && within(payment)).map((payment) => answer(request, payment)),
      refunds: own
        .flatMap((payment) => refundBook.of(payment))
        .filter((refund) => refund.status === 'succeeded' && within(refund))
        .map(refundJson),
    };
  });

  server.get<{ Params: { id: string } }>('/payments/:id', async (request, reply) => {
    if (await meetOutage(reply)) return reply;
    authenticate(request);
    const payment = book.payments.get(request.params.id);
    if (payment?.protocol !== 'simulator') throw appError('request.not_found');
    return answer(request, payment);
  });

  server.get<{ Querystring: { reference?: string } }>('/payments', async (request, reply) => {
    if (await meetOutage(reply)) return reply;
    authenticate(request);
    const { reference } = request.query;
    const found = reference === undefined ? book.payments.newest(100) : book.byReference(reference);
    return { data: found.filter(({ protocol }) => protocol === 'simulator').map((payment) => answer(request, payment)) };
  });

  server.get<{ Params: { id: string } }>('/checkout/:id', async (request, reply) => {
    const payment = book.payments.get(request.params.id);
    if (payment === undefined) return html(reply, 404, messagePage('Payment not found', 'There is no payment at this address.'));
    return html(reply, 200, payment.status === 'pending' ? checkoutPage(payment) : checkoutResultPage(payment));
  });

  server.post<{ Params: { id: string }; Body: { outcome?: string } | undefined }>('/checkout/:id', async (request, reply) => {
    const payment = book.payments.get(request.params.id);
    if (payment === undefined) return html(reply, 404, messagePage('Payment not found', 'There is no payment at this address.'));
    const outcome = request.body?.outcome;
    if (outcome !== 'success' && outcome !== 'failure') {
      return html(reply, 422, messagePage('Choose an outcome', 'Press one of the two buttons of the payment page.'));
    }
    settlePayment(payment, outcome);
    return payment.returnUrl === '' ? html(reply, 200, checkoutResultPage(payment)) : reply.redirect(payment.returnUrl, 303);
  });
};
