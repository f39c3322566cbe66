import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SimulatedDispute } from '../../../app/dispute-payment.ts';
import type { SimulatedRefund } from '../../../app/refund-payment.ts';
import type { Payment } from '../../../domain/payment.ts';
import { microsOfMinor, minorUnits } from '../amounts.ts';
import { isBearer } from '../bearer.ts';
import { paymentFaults } from '../payment-faults.ts';
import type { PaymentDependencies } from '../payments.ts';
import { transaction } from './webhook.ts';

const no = (message: string): object => ({ status: false, message });
const yes = (message: string, data: object): object => ({ status: true, message, data });

/** Paystack's API. A reference can be used once, and the address of its page is told once. */
export const registerPaystack = (
  server: FastifyInstance,
  dependencies: PaymentDependencies,
  account: { readonly secretKey: string; readonly webhookUrl: string },
): void => {
  const { world, book, createPayment, chargeCard, refundBook, disputeBook } = dependencies;
  const faults = paymentFaults(world);
  const find = (reference: string): Payment | undefined => book.byReference(reference).find(({ protocol }) => protocol === 'paystack');
  const open = async (request: FastifyRequest, reply: FastifyReply): Promise<boolean> => {
    if (await faults.meetOutage(reply)) return false;
    if (isBearer(request, account.secretKey)) return true;
    await reply.code(401).send(no('Invalid key'));
    return false;
  };

  server.post('/transaction/initialize', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    return faults.create(reply, () => {
      const body = (request.body ?? {}) as Record<string, unknown>;
      const [reference, currency, returnUrl] = [body['reference'], body['currency'], body['callback_url']].map(String);
      const amountMicros = microsOfMinor(currency ?? '', body['amount']);
      if (!String(body['email']).includes('@')) return () => reply.code(400).send(no('Invalid Email Address Passed'));
      if (amountMicros === undefined || reference === undefined || currency === undefined)
        return () => reply.code(400).send(no('Invalid Amount Sent'));
      if (find(reference) !== undefined) return () => reply.code(400).send(no('Duplicate Transaction Reference'));
      const { webhookUrl } = account;
      // Paystack keeps every card that was paid with.
      const kept = { savesCard: true, payerEmail: String(body['email']) };
      const order = { protocol: 'paystack' as const, reference, amountMicros, currency, webhookUrl, returnUrl: returnUrl ?? '', ...kept };
      const payment = createPayment(order, reference);
      const url = `${request.protocol}://${request.host}/checkout/${payment.id}`;
      return () => reply.send(yes('Authorization URL created', { authorization_url: url, access_code: payment.id, reference }));
    });
  });
  server.post('/transaction/charge_authorization', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    return faults.create(reply, () => {
      const body = (request.body ?? {}) as Record<string, unknown>;
      const [reference, currency, code, email] = [body['reference'], body['currency'], body['authorization_code'], body['email']].map(
        String,
      );
      const amountMicros = microsOfMinor(currency ?? '', body['amount']);
      if (amountMicros === undefined || reference === undefined || currency === undefined)
        return () => reply.code(400).send(no('Invalid Amount Sent'));
      if (find(reference) !== undefined) return () => reply.code(400).send(no('Duplicate Transaction Reference'));
      const { webhookUrl } = account;
      const order = {
        protocol: 'paystack' as const,
        reference,
        amountMicros,
        currency,
        webhookUrl,
        returnUrl: '',
        payerEmail: email ?? '',
      };
      const payment = chargeCard(order, String(code).replace(/^AUTH_/, 'tok_'), reference);
      if (payment === undefined) return () => reply.code(400).send(no('Authorization code is invalid'));
      return () => reply.send(yes('Charge attempted', transaction(payment)));
    });
  });
  server.get<{ Params: { reference: string } }>('/transaction/verify/:reference', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    const payment = find(request.params.reference);
    if (payment === undefined) return reply.code(400).send({ ...no('Transaction reference not found.'), code: 'transaction_not_found' });
    return reply.send(yes('Verification successful', transaction(payment)));
  });
  server.post('/refund', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    return faults.create(reply, () => {
      const body = (request.body ?? {}) as { transaction?: unknown; amount?: unknown; merchant_note?: unknown };
      const payment = find(String(body.transaction));
      if (payment === undefined) return () => reply.code(400).send(no('Transaction not found or not successful'));
      const asked = body.amount === undefined ? undefined : microsOfMinor(payment.paidCurrency, body.amount);
      const made = refundBook.refund(payment, asked, String(body.merchant_note ?? ''));
      if (made === 'not_paid') return () => reply.code(400).send(no('Transaction not found or not successful'));
      if (made === 'exceeds') return () => reply.code(400).send(no('Transaction has been fully reversed'));
      return () => reply.send(yes('Refund has been queued for processing', refund(made)));
    });
  });
  server.get<{ Querystring: { transaction?: string; from?: string; to?: string; perPage?: string; page?: string } }>(
    '/refund',
    async (request, reply) => {
      if (!(await open(request, reply))) return reply;
      const { transaction: reference, from, to } = request.query;
      const found = [...refundBook.refunds.newest(1_000)].filter(
        (each) =>
          each.payment.protocol === 'paystack' &&
          (reference === undefined || each.payment.reference === reference) &&
          within(each, from, to),
      );
      return reply.send(yes('Refunds retrieved', paged(request.query, found.map(refund))));
    },
  );
  server.get<{ Querystring: { status?: string; from?: string; to?: string; perPage?: string; page?: string } }>(
    '/transaction',
    async (request, reply) => {
      if (!(await open(request, reply))) return reply;
      const { status, from, to } = request.query;
      const found = [...book.payments.newest(1_000)]
        .filter((payment) => payment.protocol === 'paystack' && within(payment, from, to))
        .map(transaction)
        .filter((each) => status === undefined || (each as { status: string }).status === status);
      return reply.send(yes('Transactions retrieved', paged(request.query, found)));
    },
  );
  server.get<{ Querystring: { from?: string; to?: string; perPage?: string; page?: string } }>('/dispute', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    const { from, to } = request.query;
    const found = disputeBook.disputes.newest(1_000).filter((each) => each.payment.protocol === 'paystack' && within(each, from, to));
    return reply.send(yes('Disputes retrieved', paged(request.query, found.map(dispute))));
  });
};

/** The page of a list that `perPage` and `page` ask for. */
const paged = <T>({ perPage, page }: { readonly perPage?: string; readonly page?: string }, all: readonly T[]): readonly T[] => {
  const size = Number(perPage ?? 50);
  return all.slice((Number(page ?? 1) - 1) * size, Number(page ?? 1) * size);
};

const within = ({ createdAtMs }: { readonly createdAtMs: number }, from: string | undefined, to: string | undefined): boolean =>
  createdAtMs >= (from === undefined ? 0 : Date.parse(from)) && createdAtMs < (to === undefined ? Infinity : Date.parse(to));

const refund = ({ id, payment, amountMicros, note, status, createdAtMs }: SimulatedRefund): object => ({
  id: Number.parseInt(id.slice(3), 36),
  transaction_reference: payment.reference,
  amount: minorUnits(payment.paidCurrency, amountMicros),
  currency: payment.paidCurrency,
  merchant_note: note,
  status: { pending: 'pending', succeeded: 'processed', failed: 'failed' }[status],
  createdAt: new Date(createdAtMs).toISOString(),
});

const dispute = ({ id, payment, amountMicros, reason, status, createdAtMs }: SimulatedDispute): object => ({
  id: Number.parseInt(id.slice(3), 36),
  refund_amount: minorUnits(payment.paidCurrency, amountMicros),
  currency: payment.paidCurrency,
  category: reason,
  status: status === 'open' ? 'awaiting-merchant-feedback' : 'resolved',
  resolution: { open: null, won: 'declined', lost: 'merchant-accepted' }[status],
  transaction: transaction(payment),
  createdAt: new Date(createdAtMs).toISOString(),
});
