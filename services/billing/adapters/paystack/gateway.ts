import { createHmac, timingSafeEqual } from 'node:crypto';
import { fromMinorUnits, toMinorUnits } from '#platform/money/index.ts';
import type { PaymentGateway, Refused, Unknown } from '../../app/payments/ports.ts';
import type { GatewayStatement } from '../../domain/payment.ts';
import { fieldsOf, jsonHttp, readBody } from '#platform/json-http/index.ts';

export interface PaystackGatewayOptions {
  readonly baseUrl: string;
  /** Bearer of the API and key of the webhook's signature: Paystack has no other. */
  readonly secretKey: string;
  readonly returnUrl: (paymentId: string) => string;
  /** Paystack asks for an address; the customer's own stays with us. */
  readonly contactEmail: string;
  readonly timeoutMs?: number;
  readonly observe?: (operation: 'start' | 'verify', outcome: 'yes' | 'no' | 'unknown', seconds: number) => void;
}

/** How often a start may have lost its answer. */
const maxReferences = 5;
const referenceOf = (paymentId: string, nth: number): string => (nth === 1 ? paymentId : `${paymentId}-${nth}`);
const paymentIdOf = (reference: string): string => reference.replace(/-[2-5]$/, '');
const pattern = /^[0-9a-f]{128}$/;

type Found = { readonly outcome: 'yes'; readonly statement: GatewayStatement } | Refused | Unknown;

/**
 * Paystack takes a reference once and tells the page's address once. A start that is repeated after a lost answer opens
 * the next reference of the same payment; a verification looks at all of them, and one success is enough.
 */
export const paystackGateway = (options: PaystackGatewayOptions): PaymentGateway & { close(): Promise<void> } => {
  const http = jsonHttp({ ...options, timeoutMs: options.timeoutMs ?? 5_000 });
  const observed = async <R extends { outcome: 'yes' | 'no' | 'unknown' }>(
    operation: 'start' | 'verify',
    work: () => Promise<R>,
  ): Promise<R> => {
    const startedAt = performance.now();
    const result = await work();
    options.observe?.(operation, result.outcome, (performance.now() - startedAt) / 1000);
    return result;
  };

  const look = async (reference: string): Promise<Found> => {
    const answer = await http('GET', `/transaction/verify/${encodeURIComponent(reference)}`);
    if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
    if (answer.kind === 'refused')
      return /not found/i.test(String(fieldsOf(answer.json)['message']))
        ? { outcome: 'no', reason: 'no such transaction' }
        : { outcome: 'unknown', reason: `status ${answer.status}` };
    const statement = statementOf(fieldsOf(answer.json)['data']);
    return statement === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', statement };
  };

  return {
    name: 'paystack',
    currencies: ['USD'],

    start: ({ paymentId, amount }) =>
      observed('start', async () => {
        const minor = toMinorUnits(amount);
        if (minor === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        for (let nth = 1; nth <= maxReferences; nth++) {
          const reference = referenceOf(paymentId, nth);
          const answer = await http('POST', '/transaction/initialize', {
            email: options.contactEmail,
            amount: String(minor),
            currency: amount.currency,
            reference,
            callback_url: options.returnUrl(paymentId),
          });
          if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
          if (answer.kind === 'refused') {
            if (/duplicate/i.test(String(fieldsOf(answer.json)['message']))) continue;
            return { outcome: 'no', reason: `The gateway refused the payment (${answer.status}).` };
          }
          const url = fieldsOf(fieldsOf(answer.json)['data'])['authorization_url'];
          if (typeof url !== 'string') return { outcome: 'unknown', reason: 'an answer without authorization_url' };
          return { outcome: 'yes', gatewayPaymentId: reference, checkoutUrl: url };
        }
        return { outcome: 'unknown', reason: 'every reference of the payment is taken' };
      }),

    verify: ({ paymentId }) =>
      observed('verify', async () => {
        let best: Found | undefined;
        for (let nth = 1; nth <= maxReferences; nth++) {
          const found = await look(referenceOf(paymentId, nth));
          if (found.outcome === 'no') break;
          if (found.outcome === 'unknown' || found.statement.status === 'succeeded') return found;
          // A page that is still open outweighs one that was declined.
          if (best === undefined || found.statement.status === 'pending') best = found;
        }
        return best ?? { outcome: 'no', reason: 'no such transaction' };
      }),

    // There is no time in the signature: what is stored once per event, and asked about, cannot be replayed for money.
    parseNotification: ({ headers, rawBody }) => {
      const signature = headers['x-paystack-signature'] ?? '';
      const expected = createHmac('sha512', options.secretKey).update(rawBody).digest();
      if (!pattern.test(signature) || !timingSafeEqual(expected, Buffer.from(signature, 'hex'))) return { outcome: 'forged' };
      const { event, data } = readBody(rawBody) ?? {};
      const { id, reference } = fieldsOf(data);
      if (typeof event !== 'string' || event === '' || typeof id !== 'string' || event.length + id.length > 190)
        return { outcome: 'malformed' };
      return { outcome: 'genuine', eventId: `${event}:${id}`, paymentId: typeof reference === 'string' ? paymentIdOf(reference) : '' };
    },

    close: () => http.close(),
  };
};

const statuses: Readonly<Record<string, GatewayStatement['status']>> = {
  success: 'succeeded',
  failed: 'failed',
  reversed: 'failed',
  abandoned: 'pending',
  ongoing: 'pending',
  pending: 'pending',
  processing: 'pending',
  queued: 'pending',
};

const statementOf = (json: unknown): GatewayStatement | undefined => {
  const { status, reference, amount, currency } = fieldsOf(json);
  const known = statuses[String(status)];
  if (known === undefined || typeof reference !== 'string' || typeof currency !== 'string') return undefined;
  if (typeof amount !== 'string' || !/^\d{1,15}$/.test(amount)) return undefined;
  return {
    gatewayPaymentId: reference,
    reference: paymentIdOf(reference),
    status: known,
    amount: fromMinorUnits(currency, BigInt(amount)),
  };
};
