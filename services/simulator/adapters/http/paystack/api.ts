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
const yes = (message: string, data: object, meta?: object): object => ({ status: true, message, data, meta });

/** Paystack's API. A reference can be used once, and the address of its page is told once. */
export const registerPaystack = (
  server: FastifyInstance,
  dependencies: PaymentDependencies,
  account: { readonly secretKey: string; readonly webhookUrl: string },
): void => {
  const { world, book, createPayment, chargeCard, refundBook, disputeBook } = dependencies;
  const faults = paymentFaults(world);
  const find = (reference: string): Payment | undefined => book.byReference(reference).find(({ protocol }) => protocol === 'paystack');
  /** What was given back as a whole is `reversed`. */
  const shown = (payment: Payment) => {
    const given = refundBook.of(payment).reduce((sum, { status, amountMicros }) => (status === 'succeeded' ? sum + amountMicros : sum), 0n);
    const data = transaction(payment);
    return given === payment.paidMicros && data.status === 'success' ? { ...data, status: 'reversed' } : data;
  };
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
    return reply.send(yes('Verification successful', shown(payment)));
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
  /** A list, told by time only, as Paystack describes it. */
  const list = (path: string, message: string, rows: (asked: Asked) => readonly object[]): void => {
    server.get<{ Querystring: Asked }>(path, async (request, reply) => {
      if (!(await open(request, reply))) return reply;
      const { page, meta } = paged(request.query, rows(request.query));
      return reply.send(yes(message, page, meta));
    });
  };
  list('/refund', 'Refunds retrieved', (asked) =>
    [...refundBook.refunds.newest(1_000)].filter((each) => each.payment.protocol === 'paystack' && within(each, asked)).map(refund),
  );
  list('/transaction', 'Transactions retrieved', (asked) =>
    [...book.payments.newest(1_000)]
      .filter((payment) => payment.protocol === 'paystack' && within(payment, asked))
      .map(shown)
      .filter(({ status }) => asked.status === undefined || status === asked.status),
  );
  list('/dispute', 'Disputes retrieved', (asked) =>
    disputeBook.disputes
      .newest(1_000)
      .filter((each) => each.payment.protocol === 'paystack' && within(each, asked))
      .map(dispute),
  );
};

interface Asked {
  readonly status?: string;
  readonly from?: string;
  readonly to?: string;
  readonly perPage?: string;
  readonly page?: string;
}

/** The page of a list that `perPage` and `page` ask for, and how many there are. */
const paged = <T>({ perPage, page }: Asked, all: readonly T[]): { readonly page: readonly T[]; readonly meta: object } => {
  const [size, number] = [Number(perPage ?? 50), Number(page ?? 1)];
  const meta = { total: all.length, skipped: (number - 1) * size, perPage: size, page: number, pageCount: Math.ceil(all.length / size) };
  return { page: all.slice((number - 1) * size, number * size), meta };
};

const within = ({ createdAtMs }: { readonly createdAtMs: number }, { from, to }: Asked): boolean =>
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
