import { createHash, timingSafeEqual } from 'node:crypto';
import { formatDecimal, money, parseDecimal, toMinorUnits } from '#platform/money/index.ts';
import type { PaymentGateway } from '../../app/payments/ports.ts';
import type { GatewayStatement } from '../../domain/payment.ts';
import { fieldsOf, jsonHttp, readBody } from '#platform/json-http/index.ts';

export interface FlutterwaveGatewayOptions {
  /** Without `/v3`. */
  readonly baseUrl: string;
  readonly secretKey: string;
  /** The shared secret that comes with each webhook. */
  readonly webhookHash: string;
  readonly returnUrl: (paymentId: string) => string;
  readonly contactEmail: string;
  readonly timeoutMs?: number;
  readonly observe?: (operation: 'start' | 'verify', outcome: 'yes' | 'no' | 'unknown', seconds: number) => void;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Flutterwave v3. A page that is asked for again has another address and the same `tx_ref`; the reference finds what was paid. */
export const flutterwaveGateway = (options: FlutterwaveGatewayOptions): PaymentGateway & { close(): Promise<void> } => {
  const http = jsonHttp({ ...options, timeoutMs: options.timeoutMs ?? 5_000 });
  const secret = digest(options.webhookHash);
  const observed = async <R extends { outcome: 'yes' | 'no' | 'unknown' }>(
    operation: 'start' | 'verify',
    work: () => Promise<R>,
  ): Promise<R> => {
    const startedAt = performance.now();
    const result = await work();
    options.observe?.(operation, result.outcome, (performance.now() - startedAt) / 1000);
    return result;
  };

  return {
    name: 'flutterwave',
    currencies: ['USD'],

    start: ({ paymentId, amount }) =>
      observed('start', async () => {
        if (toMinorUnits(amount) === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const answer = await http('POST', '/v3/payments', {
          tx_ref: paymentId,
          amount: formatDecimal(amount.micros),
          currency: amount.currency,
          redirect_url: options.returnUrl(paymentId),
          customer: { email: options.contactEmail },
        });
        if (answer.kind === 'refused') return { outcome: 'no', reason: `The gateway refused the payment (${answer.status}).` };
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        const { link } = fieldsOf(fieldsOf(answer.json)['data']);
        if (typeof link !== 'string') return { outcome: 'unknown', reason: 'an answer without link' };
        // Its transaction, and with it an id, exists only when the customer has tried to pay.
        return { outcome: 'yes', gatewayPaymentId: '', checkoutUrl: link };
      }),

    verify: ({ paymentId }) =>
      observed('verify', async () => {
        const answer = await http('GET', `/v3/transactions/verify_by_reference?tx_ref=${encodeURIComponent(paymentId)}`);
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        if (answer.kind === 'refused')
          return /no transaction/i.test(String(fieldsOf(answer.json)['message']))
            ? { outcome: 'no', reason: 'no transaction yet' }
            : { outcome: 'unknown', reason: `status ${answer.status}` };
        const statement = statementOf(fieldsOf(answer.json)['data']);
        return statement === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', statement };
      }),

    // The header proves only that the sender knows the secret; the API is asked about everything else.
    parseNotification: ({ headers, rawBody }) => {
      const given = headers['verif-hash'];
      if (given === undefined || !timingSafeEqual(digest(given), secret)) return { outcome: 'forged' };
      const { event, data } = readBody(rawBody) ?? {};
      const { id, tx_ref: reference, status } = fieldsOf(data);
      const eventId = `${String(event)}:${String(id)}:${String(status)}`;
      if (typeof event !== 'string' || event === '' || typeof id !== 'string' || eventId.length > 200) return { outcome: 'malformed' };
      return { outcome: 'genuine', eventId, paymentId: typeof reference === 'string' ? reference : '' };
    },

    close: () => http.close(),
  };
};

const statuses: Readonly<Record<string, GatewayStatement['status']>> = { successful: 'succeeded', failed: 'failed', pending: 'pending' };

const statementOf = (json: unknown): GatewayStatement | undefined => {
  const { id, tx_ref: reference, status, amount, currency } = fieldsOf(json);
  const known = statuses[String(status)];
  const micros = typeof amount === 'string' ? parseDecimal(amount) : undefined;
  if (known === undefined || typeof id !== 'string' || typeof reference !== 'string' || typeof currency !== 'string') return undefined;
  return micros === undefined ? undefined : { gatewayPaymentId: id, reference, status: known, amount: money(currency, micros) };
};
