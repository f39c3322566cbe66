import Stripe from 'stripe';
import { fromMinorUnits, type Money, toMinorUnits } from '#platform/money/index.ts';
import type { GatewayOperation, ObserveGateway, PaymentGateway, Refused, RefundStatement, Unknown } from '../../app/payments/ports.ts';
import type { DisputeStatement } from '../../domain/dispute.ts';
import type { StatementLine } from '../../domain/statement.ts';

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

  const observed = async <R extends { readonly outcome: 'yes' | 'no' | 'unknown' }>(
    operation: GatewayOperation,
    work: () => Promise<R>,
  ): Promise<R | Refused | Unknown> => {
    const startedAt = performance.now();
    const result = await work().catch(outcomeOf);
    options.observe?.(operation, result.outcome, (performance.now() - startedAt) / 1000);
    return result;
  };

  /** Refunds are made of the intent; the session that we know leads to it. */
  const intentOf = async (sessionId: string): Promise<string | undefined> => {
    const { payment_intent: intent } = await stripe.checkout.sessions.retrieve(sessionId);
    return typeof intent === 'string' ? intent : intent?.id;
  };

  return {
    name: 'stripe',
    currencies: ['USD'],

    start: ({ reference, paymentId, amount }) =>
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
            payment_intent_data: { metadata: { payment_id: reference } },
            line_items: [{ quantity: 1, price_data: price }],
            success_url: returnUrl,
            cancel_url: returnUrl,
          },
          { idempotencyKey: reference },
        );
        if (typeof session.id !== 'string' || typeof session.url !== 'string') return unknown('an answer without id or url');
        return { outcome: 'yes', gatewayPaymentId: session.id, checkoutUrl: session.url };
      }),

    verify: ({ gatewayPaymentId }) =>
      observed('verify', async (): Promise<Verified> => {
        // Until we know the session nobody has seen its page; the next start, with the same key, tells it again.
        if (gatewayPaymentId === '') return { outcome: 'no', reason: 'no session yet' };
        const session = await stripe.checkout.sessions.retrieve(gatewayPaymentId);
        const amount = amountOf(session);
        if (amount === undefined) return unknown('an answer that cannot be read');
        const status = session.payment_status === 'paid' ? 'succeeded' : session.status === 'expired' ? 'failed' : 'pending';
        return {
          outcome: 'yes',
          statement: { gatewayPaymentId: session.id, reference: session.client_reference_id ?? '', status, amount },
        };
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
        for await (const each of stripe.refunds.list({ created, limit: 100 })) {
          if (each.status !== 'succeeded') continue;
          const amount = fromMinorUnits(each.currency.toUpperCase(), BigInt(each.amount));
          const reference = each.metadata?.['payment_id'] ?? each.metadata?.['refund_id'] ?? '';
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
          const intent = each.payment_intent;
          const reference = typeof intent === 'object' ? (intent?.metadata['payment_id'] ?? '') : '';
          const amount = fromMinorUnits(each.currency.toUpperCase(), BigInt(each.amount));
          const status = disputeStatuses[each.status] ?? 'open';
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

const disputeStatuses: Readonly<Record<string, DisputeStatement['status']>> = { won: 'won', prevented: 'won', lost: 'lost' };

const aboutOf = (type: string): 'payment' | 'refund' | 'dispute' => {
  if (type.startsWith('charge.dispute.')) return 'dispute';
  return type === 'charge.refunded' || type.startsWith('refund.') ? 'refund' : 'payment';
};

const unknown = (reason: string): Unknown => ({ outcome: 'unknown', reason });

/** Only a request that was understood and refused is a no; wrong keys, limits, silence and errors may be different next time. */
const outcomeOf = (error: unknown): Refused | Unknown => {
  if (error instanceof Stripe.errors.StripeInvalidRequestError && (error.statusCode === 400 || error.statusCode === 404))
    return { outcome: 'no', reason: `Stripe refused the payment (${error.statusCode}).` };
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
