import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatDecimal, parseDecimal } from '#platform/money/index.ts';
import { paymentIdOfNumber, paymentNumber } from '../../../app/create-payment.ts';
import type { SimulatedDispute } from '../../../app/dispute-payment.ts';
import type { SimulatedRefund } from '../../../app/refund-payment.ts';
import type { Payment } from '../../../domain/payment.ts';
import { isBearer } from '../bearer.ts';
import { paymentFaults } from '../payment-faults.ts';
import type { PaymentDependencies } from '../payments.ts';
import { transaction } from './webhook.ts';

const no = (message: string): object => ({ status: 'error', message, data: null });
const yes = (message: string, data: object): object => ({ status: 'success', message, data });

/** Flutterwave v3. A `tx_ref` may have many pages; a transaction exists only once a customer has tried to pay. */
export const registerFlutterwave = (
  server: FastifyInstance,
  dependencies: PaymentDependencies,
  account: { readonly secretKey: string; readonly webhookUrl: string },
): void => {
  const { world, book, createPayment, chargeCard, refundBook, disputeBook } = dependencies;
  const faults = paymentFaults(world);
  const open = async (request: FastifyRequest, reply: FastifyReply): Promise<boolean> => {
    if (await faults.meetOutage(reply)) return false;
    if (isBearer(request, account.secretKey)) return true;
    await reply.code(401).send(no('Invalid authorization key'));
    return false;
  };
  const tried = (payment: Payment | undefined): payment is Payment => payment?.protocol === 'flutterwave' && payment.status !== 'pending';
  const tell = (reply: FastifyReply, payment: Payment | undefined): FastifyReply =>
    tried(payment)
      ? reply.send(yes('Transaction fetched successfully', transaction(payment, payment.status === 'succeeded' ? 'successful' : 'failed')))
      : reply.code(400).send(no('No transaction was found for this id'));
  const byNumber = (id: string): Payment | undefined => book.payments.get(paymentIdOfNumber('flutterwave', Number(id)));

  server.post('/v3/payments', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    return faults.create(reply, () => {
      const body = (request.body ?? {}) as Record<string, unknown>;
      const [reference, currency] = [String(body['tx_ref']), String(body['currency'])];
      const amountMicros = parseDecimal(String(body['amount']));
      if (amountMicros === undefined || amountMicros <= 0n) return () => reply.code(400).send(no('amount must be a number'));
      const { webhookUrl } = account;
      const returnUrl = String(body['redirect_url'] ?? '');
      const payerEmail = String((body['customer'] as { email?: unknown } | undefined)?.email ?? '');
      // Flutterwave gives a token with every card payment.
      const order = {
        protocol: 'flutterwave' as const,
        reference,
        amountMicros,
        currency,
        webhookUrl,
        returnUrl,
        payerEmail,
        savesCard: true,
      };
      const payment = createPayment(order, book.nextId('key'));
      return () => reply.send(yes('Hosted Link', { link: `${request.protocol}://${request.host}/checkout/${payment.id}` }));
    });
  });
  server.post('/v3/tokenized-charges', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    return faults.create(reply, () => {
      const body = (request.body ?? {}) as Record<string, unknown>;
      const [reference, currency, token, payerEmail] = [body['tx_ref'], body['currency'], body['token'], body['email']].map(String);
      const amountMicros = parseDecimal(String(body['amount']));
      if (amountMicros === undefined || amountMicros <= 0n || reference === undefined || currency === undefined)
        return () => reply.code(400).send(no('amount must be a number'));
      if (book.byReference(reference).some(tried)) return () => reply.code(400).send(no('Transaction reference already exist'));
      const order = { protocol: 'flutterwave' as const, reference, amountMicros, currency, webhookUrl: account.webhookUrl, returnUrl: '' };
      const payment = chargeCard(
        { ...order, payerEmail: payerEmail ?? '' },
        String(token).replace(/^flw-t1nf-/, 'tok_'),
        book.nextId('key'),
      );
      if (payment === undefined) return () => reply.code(400).send(no('Wrong token or email passed'));
      return () => reply.send(yes('Charge successful', transaction(payment, payment.status === 'succeeded' ? 'successful' : 'failed')));
    });
  });
  server.get<{ Querystring: { tx_ref?: string } }>('/v3/transactions/verify_by_reference', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    const found = book.byReference(request.query.tx_ref ?? '').filter(tried);
    return tell(reply, found.find(({ status }) => status === 'succeeded') ?? found.at(-1));
  });
  server.get<{ Params: { id: string } }>('/v3/transactions/:id/verify', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    return tell(reply, byNumber(request.params.id));
  });
  server.post<{ Params: { id: string } }>('/v3/transactions/:id/refund', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    return faults.create(reply, () => {
      const payment = byNumber(request.params.id);
      if (!tried(payment)) return () => reply.code(400).send(no('No successful transaction was found for this id'));
      const body = (request.body ?? {}) as { amount?: unknown; comments?: unknown };
      const asked = body.amount === undefined ? undefined : parseDecimal(String(body.amount));
      const made = refundBook.refund(payment, asked, String(body.comments ?? ''));
      if (made === 'not_paid') return () => reply.code(400).send(no('No successful transaction was found for this id'));
      if (made === 'exceeds') return () => reply.code(400).send(no('This transaction has been fully refunded'));
      return () => reply.send(yes('Transaction refund initiated', refund(made)));
    });
  });
  server.get<{ Querystring: { id?: string; from?: string; to?: string } }>('/v3/refunds', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    const { id, from, to } = request.query;
    const found = [...refundBook.refunds.newest(1_000)].filter(
      (each) =>
        each.payment.protocol === 'flutterwave' &&
        (id === undefined || String(paymentNumber(each.payment)) === id) &&
        within(each, from, to),
    );
    return reply.send(yes('Refunds fetched', found.map(refund)));
  });
  server.get<{ Querystring: { from?: string; to?: string; status?: string } }>('/v3/transactions', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    const { from, to, status } = request.query;
    const found = [...book.payments.newest(1_000)]
      .filter((payment) => tried(payment) && within(payment, from, to))
      .map((payment) => transaction(payment, payment.status === 'succeeded' ? 'successful' : 'failed'))
      .filter((each) => status === undefined || (each as { status: string }).status === status);
    return reply.send(yes('Transactions fetched', found));
  });
  server.get<{ Querystring: { from?: string; to?: string } }>('/v3/chargebacks', async (request, reply) => {
    if (!(await open(request, reply))) return reply;
    const { from, to } = request.query;
    const found = disputeBook.disputes.newest(1_000).filter((each) => each.payment.protocol === 'flutterwave' && within(each, from, to));
    return reply.send(yes('Chargebacks fetched', found.map(chargeback)));
  });
};

/** Flutterwave filters by days, both included. */
const within = ({ createdAtMs }: { readonly createdAtMs: number }, from: string | undefined, to: string | undefined): boolean => {
  const day = new Date(createdAtMs).toISOString().slice(0, 10);
  return (from === undefined || day >= from) && (to === undefined || day <= to);
};

/** As refunds are listed: the payment by Flutterwave's own id, without its currency, the note in the singular. */
const refund = ({ id, payment, amountMicros, note, status, createdAtMs }: SimulatedRefund): object => ({
  id: Number.parseInt(id.slice(3), 36),
  transaction_id: paymentNumber(payment),
  flw_ref: `URF_${id}`,
  amount_refunded: Number(formatDecimal(amountMicros)),
  comment: note,
  status: { pending: 'pending', succeeded: 'completed', failed: 'failed' }[status],
  created_at: new Date(createdAtMs).toISOString(),
});

/** Without its currency, as chargebacks are listed. */
const chargeback = ({ id, payment, amountMicros, reason, status, createdAtMs }: SimulatedDispute): object => ({
  id: Number.parseInt(id.slice(3), 36),
  transaction_id: paymentNumber(payment),
  tx_ref: payment.reference,
  flw_ref: `URF_${payment.id}`,
  amount: Number(formatDecimal(amountMicros)),
  stage: 'new',
  comment: reason,
  meta: { uploaded_proof: null, history: [] },
  settlement_id: 'N/A',
  status: { open: 'initiated', won: 'won', lost: 'lost' }[status],
  created_at: new Date(createdAtMs).toISOString(),
});
