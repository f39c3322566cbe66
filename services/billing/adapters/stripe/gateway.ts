import Stripe from 'stripe';
import { fromMinorUnits, type Money, toMinorUnits } from '#platform/money/index.ts';
import type { PaymentGateway, Refused, Unknown } from '../../app/payments/ports.ts';

export interface StripeGatewayOptions {
  /** Another address than Stripe's own, for development and tests. */
  readonly apiUrl?: string;
  readonly secretKey: string;
  readonly webhookSecret: string;
  readonly returnUrl: (paymentId: string) => string;
  readonly timeoutMs?: number;
  /** Seconds per call by outcome: yes, no, unknown. */
  readonly observe?: (operation: 'start' | 'verify', outcome: 'yes' | 'no' | 'unknown', seconds: number) => void;
}

type Started = Awaited<ReturnType<PaymentGateway['start']>>;
type Verified = Awaited<ReturnType<PaymentGateway['verify']>>;

const toleranceSeconds = 300;

const addressOf = (apiUrl: string | undefined): { host?: string; port?: number; protocol?: 'http' | 'https' } => {
  if (apiUrl === undefined) return {};
  const { hostname, port, protocol } = new URL(apiUrl);
  const secure = protocol === 'https:';
  return { host: hostname, port: port === '' ? (secure ? 443 : 80) : Number(port), protocol: secure ? 'https' : 'http' };
};

/** Stripe Checkout by the official SDK. One session per payment: the payment's id is the Idempotency-Key. */
export const stripeGateway = (options: StripeGatewayOptions): PaymentGateway => {
  const stripe = new Stripe(options.secretKey, {
    ...addressOf(options.apiUrl),
    maxNetworkRetries: 0,
    timeout: options.timeoutMs ?? 5_000,
    telemetry: false,
  });

  const observed = async <R extends { readonly outcome: 'yes' | 'no' | 'unknown' }>(
    operation: 'start' | 'verify',
    work: () => Promise<R>,
  ): Promise<R | Refused | Unknown> => {
    const startedAt = performance.now();
    const result = await work().catch(outcomeOf);
    options.observe?.(operation, result.outcome, (performance.now() - startedAt) / 1000);
    return result;
  };

  return {
    name: 'stripe',
    currencies: ['USD'],

    start: ({ paymentId, amount }) =>
      observed('start', async (): Promise<Started> => {
        const cents = toMinorUnits(amount);
        if (cents === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const returnUrl = options.returnUrl(paymentId);
        const product = { name: 'Credit' };
        const price = { currency: amount.currency.toLowerCase(), unit_amount: Number(cents), product_data: product };
        const session = await stripe.checkout.sessions.create(
          {
            mode: 'payment',
            client_reference_id: paymentId,
            metadata: { payment_id: paymentId },
            payment_intent_data: { metadata: { payment_id: paymentId } },
            line_items: [{ quantity: 1, price_data: price }],
            success_url: returnUrl,
            cancel_url: returnUrl,
          },
          { idempotencyKey: paymentId },
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
        return { outcome: 'genuine', eventId: event.id, paymentId: typeof reference === 'string' ? reference : '' };
      } catch (error) {
        return { outcome: error instanceof Stripe.errors.StripeSignatureVerificationError ? 'forged' : 'malformed' };
      }
    },
  };
};

const unknown = (reason: string): Unknown => ({ outcome: 'unknown', reason });

/** Only a request that was understood and refused is a no; wrong keys, limits, silence and errors may be different next time. */
const outcomeOf = (error: unknown): Refused | Unknown => {
  if (error instanceof Stripe.errors.StripeInvalidRequestError && (error.statusCode === 400 || error.statusCode === 404))
    return { outcome: 'no', reason: `Stripe refused the payment (${error.statusCode}).` };
  return unknown(error instanceof Error ? error.name : 'no answer');
};

const amountOf = ({ amount_total: total, currency }: Stripe.Checkout.Session): Money | undefined =>
  typeof total === 'number' && Number.isSafeInteger(total) && typeof currency === 'string'
    ? fromMinorUnits(currency.toUpperCase(), BigInt(total))
    : undefined;
