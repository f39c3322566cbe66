import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { boundedMap, type BoundedMap } from '../../../domain/bounded-map.ts';
import type { PaymentOrder } from '../../../app/create-payment.ts';
import type { Payment } from '../../../domain/payment.ts';
import { microsOfMinor } from '../amounts.ts';
import { paymentFaults } from '../payment-faults.ts';
import type { PaymentDependencies } from '../payments.ts';
import { isBearer } from '../bearer.ts';
import { dispute, intent, intentId, refund, session, sessionIdOf, tokenOfMethod } from './objects.ts';

export interface StripeAccount {
  readonly secretKey: string;
  readonly webhookUrl: string;
  readonly events: BoundedMap<string, object>;
}

type Form = Readonly<Record<string, string>>;
interface Kept {
  readonly request: string;
  readonly status: number;
  readonly body: object;
}

const failure = (type: string, message: string, code?: string): object => ({ error: { type, message, ...(code && { code }) } });
const missing = (what: string): [number, object] => [404, failure('invalid_request_error', `No such ${what}`, 'resource_missing')];
const list = (url: string, data: readonly object[]): object => ({ object: 'list', url, has_more: false, data });

/** By `created[gte]` and `created[lt]`, as Stripe filters its lists. */
const within = <T extends object>(query: Record<string, string>, objects: readonly T[]): readonly T[] => {
  const [from, to] = [Number(query['created[gte]'] ?? 0), Number(query['created[lt]'] ?? Infinity)];
  return objects.filter((each) => {
    const { created } = each as { created?: number };
    return created !== undefined && created >= from && created < to;
  });
};

/** Stripe's REST API, as far as a shop with hosted checkout needs it. A POST is replayed by its Idempotency-Key. */
export const registerStripe = (server: FastifyInstance, dependencies: PaymentDependencies, account: StripeAccount): void => {
  const { world, book, createPayment, chargeCard, refundBook, disputeBook } = dependencies;
  const faults = paymentFaults(world);
  const kept = boundedMap<string, Kept>(100_000);
  const payments = (): Payment[] => book.payments.newest(1_000).filter(({ protocol }) => protocol === 'stripe');
  const find = (id: string): Payment | undefined => {
    const payment = book.payments.get(id);
    return payment?.protocol === 'stripe' ? payment : undefined;
  };
  const sessionOf = (request: FastifyRequest, payment: Payment): object =>
    session(payment, `${request.protocol}://${request.host}/checkout/${payment.id}`);
  const open = async (request: FastifyRequest, reply: FastifyReply): Promise<boolean> => {
    if (await faults.meetOutage(reply)) return false;
    if (isBearer(request, account.secretKey)) return true;
    await reply.code(401).send(failure('invalid_request_error', 'Invalid API Key provided'));
    return false;
  };

  /** The stored answer of a key, or the answer of `act`, kept under the key. */
  const replaying = (request: FastifyRequest, reply: FastifyReply, act: (form: Form) => [number, object]): (() => FastifyReply) => {
    const key = String(request.headers['idempotency-key'] ?? '');
    const asked = `${request.url}\n${JSON.stringify(request.body)}`;
    const before = key === '' ? undefined : kept.get(key);
    if (before !== undefined && before.request !== asked) {
      const message = 'Keys for idempotent requests can only be used with the same parameters they were first used with.';
      return () => reply.code(400).send(failure('idempotency_error', message));
    }
    if (before !== undefined) return () => reply.code(before.status).header('idempotent-replayed', 'true').send(before.body);
    const [status, body] = act((request.body ?? {}) as Form);
    if (key !== '') kept.set(key, { request: asked, status, body });
    return () => reply.code(status).send(body);
  };
  const post = (path: string, act: (request: FastifyRequest, form: Form) => [number, object]): void => {
    server.post(path, async (request, reply) => {
      if (!(await open(request, reply))) return reply;
      return faults.create(reply, () => replaying(request, reply, (form) => act(request, form)));
    });
  };
  const get = (path: string, read: (request: FastifyRequest<{ Params: { id: string } }>) => [number, object]): void => {
    server.get<{ Params: { id: string } }>(path, async (request, reply) => {
      if (!(await open(request, reply))) return reply;
      const [status, body] = read(request);
      return reply.code(status).send(body);
    });
  };

  const expands = (request: FastifyRequest, path: string): boolean =>
    Object.entries(request.query as Record<string, string>).some(([key, value]) => key.startsWith('expand') && value.startsWith(path));
  const orderOf = (
    reference: string,
    amount: string | undefined,
    currency: string | undefined,
    returnUrl: string,
  ): PaymentOrder | undefined => {
    const code = (currency ?? '').toUpperCase();
    const amountMicros = /^[A-Z]{3}$/.test(code) ? microsOfMinor(code, amount) : undefined;
    if (amountMicros === undefined) return undefined;
    return { protocol: 'stripe', reference, amountMicros, currency: code, webhookUrl: account.webhookUrl, returnUrl };
  };
  const make = (order: PaymentOrder | undefined): Payment | undefined => order && createPayment(order, book.nextId('key'));
  const wrongAmount: [number, object] = [400, failure('invalid_request_error', 'Invalid amount or currency', 'parameter_invalid_integer')];

  post('/v1/checkout/sessions', (request, form) => {
    const price = 'line_items[0][price_data]';
    const reference = form['client_reference_id'] ?? '';
    const order = orderOf(reference, form[`${price}[unit_amount]`], form[`${price}[currency]`], form['success_url'] ?? '');
    const payment = make(order && { ...order, savesCard: form['payment_intent_data[setup_future_usage]'] === 'off_session' });
    return payment === undefined ? wrongAmount : [200, sessionOf(request, payment)];
  });
  get('/v1/checkout/sessions/:id', (request) => {
    const payment = find(request.params.id);
    return payment === undefined
      ? missing(`checkout.session: '${request.params.id}'`)
      : [200, session(payment, `${request.protocol}://${request.host}/checkout/${payment.id}`, expands(request, 'payment_intent'))];
  });
  get('/v1/checkout/sessions', (request) => [
    200,
    list(
      '/v1/checkout/sessions',
      payments().map((payment) => sessionOf(request, payment)),
    ),
  ]);
  post('/v1/payment_intents', (_, form) => {
    const order = orderOf(form['metadata[payment_id]'] ?? '', form['amount'], form['currency'], '');
    const method = form['payment_method'];
    if (order === undefined || method === undefined) {
      const payment = make(order);
      return payment === undefined ? wrongAmount : [200, intent(payment)];
    }
    const payment = chargeCard(order, tokenOfMethod(method), book.nextId('key'));
    if (payment === undefined) return missing(`PaymentMethod: '${method}'`);
    if (payment.status === 'succeeded') return [200, intent(payment)];
    return [
      402,
      { error: { type: 'card_error', code: 'card_declined', message: 'Your card was declined.', payment_intent: intent(payment) } },
    ];
  });
  get('/v1/payment_intents/search', (request) => {
    const asked = /^metadata\['payment_id'\]:'([^']*)'$/.exec((request.query as Record<string, string>)['query'] ?? '')?.[1];
    const found = payments().filter(({ reference, status, direct }) => reference === asked && (status !== 'pending' || direct === true));
    return [
      200,
      {
        ...list(
          '/v1/payment_intents/search',
          found.map((payment) => intent(payment)),
        ),
        object: 'search_result',
        next_page: null,
      },
    ];
  });
  get('/v1/payment_intents/:id', (request) => {
    const payment = find(sessionIdOf(request.params.id));
    return payment === undefined ? missing(`payment_intent: '${request.params.id}'`) : [200, intent(payment)];
  });
  get('/v1/payment_intents', (request) => {
    const all = payments().map((payment) => intent(payment));
    return [200, list('/v1/payment_intents', within(request.query as Record<string, string>, all))];
  });
  post('/v1/refunds', (_, form) => {
    const payment = find(sessionIdOf(form['payment_intent'] ?? ''));
    if (payment === undefined) return missing(`payment_intent: '${form['payment_intent'] ?? ''}'`);
    const asked = form['amount'] === undefined ? undefined : microsOfMinor(payment.paidCurrency, form['amount']);
    const made = refundBook.refund(payment, asked, form['metadata[refund_id]'] ?? '');
    if (made === 'not_paid') return [400, failure('invalid_request_error', 'This PaymentIntent has no successful charge.')];
    if (made === 'exceeds')
      return [400, failure('invalid_request_error', 'The charge has already been refunded.', 'charge_already_refunded')];
    return [200, refund(made)];
  });
  get('/v1/refunds/:id', (request) => {
    const found = refundBook.refunds.get(request.params.id);
    return found?.payment.protocol === 'stripe' ? [200, refund(found)] : missing(`refund: '${request.params.id}'`);
  });
  get('/v1/refunds', (request) => {
    const query = request.query as Record<string, string>;
    const asked = query['payment_intent'];
    const found = [...refundBook.refunds.newest(1_000)].filter(
      ({ payment }) => payment.protocol === 'stripe' && (asked === undefined || intentId(payment) === asked),
    );
    const expanded = expands(request, 'data.payment_intent');
    return [
      200,
      list(
        '/v1/refunds',
        within(
          query,
          found.map((each) => refund(each, expanded)),
        ),
      ),
    ];
  });
  get('/v1/disputes', (request) => {
    const query = request.query as Record<string, string>;
    const expanded = expands(request, 'data.payment_intent');
    const found = disputeBook.disputes.newest(1_000).filter(({ payment }) => payment.protocol === 'stripe');
    return [
      200,
      list(
        '/v1/disputes',
        within(
          query,
          found.map((each) => dispute(each, expanded)),
        ),
      ),
    ];
  });
  get('/v1/events', () => [200, list('/v1/events', account.events.newest(100))]);
};
