import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Payment } from '../../../domain/payment.ts';
import { microsOfMinor } from '../amounts.ts';
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
  const { world, book, createPayment } = dependencies;
  const faults = paymentFaults(world);
  const refunded = new WeakSet<Payment>();
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
      const order = { protocol: 'paystack' as const, reference, amountMicros, currency, webhookUrl, returnUrl: returnUrl ?? '' };
      const payment = createPayment(order, reference);
      const url = `${request.protocol}://${request.host}/checkout/${payment.id}`;
      return () => reply.send(yes('Authorization URL created', { authorization_url: url, access_code: payment.id, reference }));
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
    const payment = find(String((request.body as { transaction?: unknown } | undefined)?.transaction));
    if (payment?.status !== 'succeeded') return reply.code(400).send(no('Transaction not found or not successful'));
    if (refunded.has(payment)) return reply.code(400).send(no('Transaction has been fully reversed'));
    refunded.add(payment);
    return reply.send(yes('Refund has been queued for processing', { transaction: transaction(payment), status: 'pending' }));
  });
};
