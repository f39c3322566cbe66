import Stripe from 'stripe';
import { fromMinorUnits, type Money, toMinorUnits } from '#platform/money/index.ts';
import type { GatewayOperation, ObserveGateway, PaymentGateway, Refused, RefundStatement, Unknown } from '../../app/payments/ports.ts';
import type { DisputeStatement } from '../../domain/dispute.ts';
import type { GatewayStatement } from '../../domain/payment.ts';
import type { StatementLine } from '../../domain/statement.ts';
import { observedBy } from '#platform/telemetry/index.ts';

export interface StripeGatewayOptions {
  /** Another address than Stripe's own, for development and tests. */
  readonly apiUrl?: string;
  readonly secretKey: string;
  readonly webhookSecret: string;
  readonly returnUrl: (paymentId: string) => string;
  readonly timeoutMs?: number;
  readonly observe?: ObserveGateway;
}

type Started = Awaited<ReturnType<PaymentGateway['start']>>;
type Verified = Awaited<ReturnType<PaymentGateway['verify']>>;
type Refunded = Awaited<ReturnType<PaymentGateway['refund']>>;
type Charged = Awaited<ReturnType<PaymentGateway['charge']>>;
type Kept = Awaited<ReturnType<PaymentGateway['savedCard']>>;
type Disputed = Awaited<ReturnType<PaymentGateway['listDisputes']>>;
type Listed = Awaited<ReturnType<PaymentGateway['listStatement']>>;

const toleranceSeconds = 300;

const addressOf = (apiUrl: string | undefined): { host?: string; port?: number; protocol?: 'http' | 'https' } => {
  if (apiUrl === undefined) return {};
  const { hostname, port, protocol } = new URL(apiUrl);
  const secure = protocol === 'https:';
  return { host: hostname, port: port === '' ? (secure ? 443 : 80) : Number(port), protocol: secure ? 'https' : 'http' };
};

/** Stripe Checkout by the official SDK. One session per attempt: the attempt's id is the Idempotency-Key. */
export const stripeGateway = (options: StripeGatewayOptions): PaymentGateway => {
  const stripe = new Stripe(options.secretKey, {
    ...addressOf(options.apiUrl),
    maxNetworkRetries: 0,
    timeout: options.timeoutMs ?? 5_000,
    telemetry: false,
  });

  const observing = observedBy(options.observe);
  const observed = <R extends { readonly outcome: 'yes' | 'no' | 'unknown' }>(
    operation: GatewayOperation,
    work: () => Promise<R>,
  ): Promise<R | Refused | Unknown> => observing(operation, (): Promise<R | Refused | Unknown> => work().catch(outcomeOf));

  /** Refunds are made of the intent; the session that we know leads to it. */
  const intentOf = async (sessionId: string): Promise<string | undefined> => {
    if (sessionId.startsWith('pi_')) return sessionId;
    const { payment_intent: intent } = await stripe.checkout.sessions.retrieve(sessionId);
    return typeof intent === 'string' ? intent : intent?.id;
  };

  return {
    name: 'stripe',
    currencies: ['USD'],

    start: ({ reference, paymentId, amount, saveMethod = false }) =>
      observed('start', async (): Promise<Started> => {
        const cents = toMinorUnits(amount);
        if (cents === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const returnUrl = options.returnUrl(paymentId);
        const product = { name: 'Credit' };
        const price = { currency: amount.currency.toLowerCase(), unit_amount: Number(cents), product_data: product };
        const session = await stripe.checkout.sessions.create(
          {
            mode: 'payment',
            client_reference_id: reference,
            metadata: { payment_id: reference },
            payment_intent_data: { metadata: { payment_id: reference }, ...(saveMethod && { setup_future_usage: 'off_session' as const }) },
            // A card can be charged again only for a customer of the gateway's.
            ...(saveMethod && { customer_creation: 'always' as const }),
            line_items: [{ quantity: 1, price_data: price }],
            success_url: returnUrl,
            cancel_url: returnUrl,
          },
          { idempotencyKey: reference },
        );
        if (typeof session.id !== 'string' || typeof session.url !== 'string') return unknown('an answer without id or url');
        return { outcome: 'yes', gatewayPaymentId: session.id, checkoutUrl: session.url };
      }),

    verify: ({ reference, gatewayPaymentId }) =>
      observed('verify', async (): Promise<Verified> => {
        // Until we know the session nobody has seen its page; the next start, with the same key, tells it again. A charge that lost its
        // answer may have been made: it is found by our reference.
        if (gatewayPaymentId === '') {
          const found = await stripe.paymentIntents.search({ query: `metadata['payment_id']:'${reference}'`, limit: 10 });
          const [charge] = found.data;
          return charge === undefined
            ? { outcome: 'no', reason: 'no session yet' }
            : { outcome: 'yes', statement: statementOfIntent(charge) };
        }
        if (gatewayPaymentId.startsWith('pi_'))
          return { outcome: 'yes', statement: statementOfIntent(await stripe.paymentIntents.retrieve(gatewayPaymentId)) };
        const session = await stripe.checkout.sessions.retrieve(gatewayPaymentId);
        const amount = amountOf(session);
        if (amount === undefined) return unknown('an answer that cannot be read');
        const status = session.payment_status === 'paid' ? 'succeeded' : session.status === 'expired' ? 'failed' : 'pending';
        return {
          outcome: 'yes',
          statement: { gatewayPaymentId: session.id, reference: session.client_reference_id ?? '', status, amount },
        };
      }),

    charge: ({ reference, amount, token }) =>
      observed('charge', async (): Promise<Charged> => {
        const cents = toMinorUnits(amount);
        if (cents === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const [customer = '', method = ''] = token.split('/');
        const intent = await stripe.paymentIntents.create(
          {
            amount: Number(cents),
            currency: amount.currency.toLowerCase(),
            customer,
            payment_method: method,
            off_session: true,
            confirm: true,
            metadata: { payment_id: reference },
          },
          { idempotencyKey: reference },
        );
        return { outcome: 'yes', gatewayPaymentId: intent.id };
      }),

    savedCard: ({ gatewayPaymentId }) =>
      observed('saved_card', async (): Promise<Kept> => {
        const session = await stripe.checkout.sessions.retrieve(gatewayPaymentId, { expand: ['payment_intent.payment_method'] });
        const customer = typeof session.customer === 'string' ? session.customer : session.customer?.id;
        const intent = typeof session.payment_intent === 'object' ? session.payment_intent : undefined;
        const method = typeof intent?.payment_method === 'object' ? intent.payment_method : undefined;
        if (customer === undefined || !method?.card) return { outcome: 'no', reason: 'no card was kept' };
        const { brand, last4, exp_month: expiryMonth, exp_year: expiryYear } = method.card;
        return { outcome: 'yes', card: { token: `${customer}/${method.id}`, brand, last4, expiryMonth, expiryYear } };
      }),

    refund: ({ reference, gatewayPaymentId, refundId, amount }) =>
      observed('refund', async (): Promise<Refunded> => {
        const cents = toMinorUnits(amount);
        if (cents === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const intent = await intentOf(gatewayPaymentId);
        if (intent === undefined) return unknown('a session without an intent');
        const made = await stripe.refunds.create(
          { payment_intent: intent, amount: Number(cents), metadata: { refund_id: refundId, payment_id: reference } },
          { idempotencyKey: refundId },
        );
        return { outcome: 'yes', ...refundOf(made) };
      }),

    // By our id among the refunds of the payment: the key of a call is kept for a day only.
    verifyRefund: ({ gatewayPaymentId, refundId }) =>
      observed('verify_refund', async (): Promise<Refunded> => {
        const intent = await intentOf(gatewayPaymentId);
        if (intent === undefined) return unknown('a session without an intent');
        for await (const each of stripe.refunds.list({ payment_intent: intent, limit: 100 }))
          if (each.metadata?.['refund_id'] === refundId) return { outcome: 'yes', ...refundOf(each) };
        return { outcome: 'no', reason: 'no such refund' };
      }),

    listStatement: async (from, to) => {
      const answer = await observed('list', async (): Promise<Listed> => {
        const created = { gte: Math.floor(from.getTime() / 1000), lt: Math.floor(to.getTime() / 1000) };
        const lines: StatementLine[] = [];
        for await (const intent of stripe.paymentIntents.list({ created, limit: 100 })) {
          if (intent.status !== 'succeeded') continue;
          const amount = fromMinorUnits(intent.currency.toUpperCase(), BigInt(intent.amount_received));
          const reference = intent.metadata['payment_id'] ?? '';
          lines.push({ kind: 'payment', gatewayId: intent.id, reference, amount, at: new Date(intent.created * 1000) });
        }
        // One that was made in Stripe's dashboard says nothing of us itself; its payment does.
        for await (const each of stripe.refunds.list({ created, limit: 100, expand: ['data.payment_intent'] })) {
          if (each.status !== 'succeeded') continue;
          const amount = fromMinorUnits(each.currency.toUpperCase(), BigInt(each.amount));
          const reference = each.metadata?.['payment_id'] ?? referenceOf(each.payment_intent);
          lines.push({ kind: 'refund', gatewayId: each.id, reference, amount, at: new Date(each.created * 1000) });
        }
        return { outcome: 'yes', lines };
      });
      return answer.outcome === 'no' ? unknown(answer.reason) : answer;
    },

    listDisputes: async (from, to) => {
      const answer = await observed('disputes', async (): Promise<Disputed> => {
        const created = { gte: Math.floor(from.getTime() / 1000), lt: Math.floor(to.getTime() / 1000) + 1 };
        const disputes: DisputeStatement[] = [];
        for await (const each of stripe.disputes.list({ created, limit: 100, expand: ['data.payment_intent'] })) {
          // An inquiry takes no money; it is listed again when it becomes a dispute.
          if (each.status.startsWith('warning_')) continue;
          const reference = referenceOf(each.payment_intent);
          const amount = fromMinorUnits(each.currency.toUpperCase(), BigInt(each.amount));
          const status = disputeStatusOf(each);
          disputes.push({ gatewayDisputeId: each.id, reference, status, amount, reason: each.reason });
        }
        return { outcome: 'yes', disputes };
      });
      return answer.outcome === 'no' ? unknown(answer.reason) : answer;
    },

    parseNotification: ({ headers, rawBody, now }) => {
      const signature = headers['stripe-signature'] ?? '';
      try {
        const { webhookSecret } = options;
        const event = stripe.webhooks.constructEvent(rawBody, signature, webhookSecret, toleranceSeconds, undefined, now.getTime());
        const object = event?.data?.object as { client_reference_id?: unknown; metadata?: { payment_id?: unknown } } | undefined;
        if (typeof event.id !== 'string' || event.id === '' || event.id.length > 200 || object === undefined)
          return { outcome: 'malformed' };
        // Events about other things of the account are genuine too, and concern no payment of ours.
        const reference = object.client_reference_id ?? object.metadata?.payment_id;
        const about = aboutOf(event.type);
        return { outcome: 'genuine', eventId: event.id, reference: typeof reference === 'string' ? reference : '', about };
      } catch (error) {
        return { outcome: error instanceof Stripe.errors.StripeSignatureVerificationError ? 'forged' : 'malformed' };
      }
    },
  };
};

/** By the metadata that we gave a payment; it has to be expanded. */
const referenceOf = (intent: Stripe.PaymentIntent | string | null): string =>
  typeof intent === 'object' ? (intent?.metadata['payment_id'] ?? '') : '';

/** One that is prevented may have been by giving the money back (a `resolution`, as opposed to a `block`): what it took from our account tells. */
const disputeStatusOf = ({ status, balance_transactions: moved }: Stripe.Dispute): DisputeStatement['status'] => {
  if (status === 'prevented') return moved.reduce((sum, { amount }) => sum + amount, 0) < 0 ? 'lost' : 'won';
  return disputeStatuses[status] ?? 'open';
};
const disputeStatuses: Readonly<Record<string, DisputeStatement['status']>> = { won: 'won', lost: 'lost' };

const aboutOf = (type: string): 'payment' | 'refund' | 'dispute' => {
  if (type.startsWith('charge.dispute.')) return 'dispute';
  return type.startsWith('charge.refund') || type.startsWith('refund.') ? 'refund' : 'payment';
};

const unknown = (reason: string): Unknown => ({ outcome: 'unknown', reason });

/** Of a charge without a page: what needs a person now (`requires_…`) has failed. */
const statementOfIntent = (intent: Stripe.PaymentIntent): GatewayStatement => ({
  gatewayPaymentId: intent.id,
  reference: intent.metadata['payment_id'] ?? '',
  status:
    intent.status === 'succeeded'
      ? 'succeeded'
      : intent.status === 'processing' || intent.status === 'requires_capture'
        ? 'pending'
        : 'failed',
  amount: fromMinorUnits(intent.currency.toUpperCase(), BigInt(intent.status === 'succeeded' ? intent.amount_received : intent.amount)),
});

/** Only a request that was understood and refused is a no; wrong keys, limits, silence and errors may be different next time. */
const outcomeOf = (error: unknown): Refused | Unknown => {
  if (error instanceof Stripe.errors.StripeInvalidRequestError && (error.statusCode === 400 || error.statusCode === 404))
    return { outcome: 'no', reason: `Stripe refused the payment (${error.statusCode}).` };
  // The bank was asked and said no.
  if (error instanceof Stripe.errors.StripeCardError)
    return { outcome: 'no', reason: `The card was declined (${error.decline_code ?? error.code ?? 'declined'}).` };
  return unknown(error instanceof Error ? error.name : 'no answer');
};

const refundOf = ({ id, status }: Stripe.Refund): RefundStatement => ({
  gatewayRefundId: id,
  status: status === 'succeeded' ? 'succeeded' : status === 'failed' || status === 'canceled' ? 'failed' : 'pending',
});

const amountOf = ({ amount_total: total, currency }: Stripe.Checkout.Session): Money | undefined =>
  typeof total === 'number' && Number.isSafeInteger(total) && typeof currency === 'string'
    ? fromMinorUnits(currency.toUpperCase(), BigInt(total))
    : undefined;
