import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseDecimal } from '#platform/money/index.ts';
import { paymentIdOfNumber } from '../../../app/create-payment.ts';
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
  const { world, book, createPayment } = dependencies;
  const faults = paymentFaults(world);
  const refunded = new WeakSet<Payment>();
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
      const order = { protocol: 'flutterwave' as const, reference, amountMicros, currency, webhookUrl, returnUrl };
      const payment = createPayment(order, book.nextId('key'));
      return () => reply.send(yes('Hosted Link', { link: `${request.protocol}://${request.host}/checkout/${payment.id}` }));
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
    const payment = byNumber(request.params.id);
    if (!tried(payment) || payment.status !== 'succeeded')
      return reply.code(400).send(no('No successful transaction was found for this id'));
    if (refunded.has(payment)) return reply.code(400).send(no('This transaction has been fully refunded'));
    refunded.add(payment);
    return reply.send(yes('Transaction refund initiated', { status: 'completed' }));
  });
};
