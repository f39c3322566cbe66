import { Agent, request } from 'undici';
import { formatDecimal, money, parseDecimal } from '#platform/money/index.ts';
import type { Notification, ObserveGateway, PaymentGateway, RefundStatement } from '../../app/payments/ports.ts';
import type { DisputeStatement } from '../../domain/dispute.ts';
import type { StatementLine } from '../../domain/statement.ts';
import type { GatewayStatement } from '../../domain/payment.ts';
import { isGenuine } from './signature.ts';
import { observedBy } from '#platform/telemetry/index.ts';

export interface SimulatorGatewayOptions {
  readonly baseUrl: string;
  readonly secret: string;
  readonly webhookUrl: string;
  readonly returnUrl: (paymentId: string) => string;
  readonly timeoutMs?: number;
  readonly observe?: ObserveGateway;
}

/** The payment gateway of development and tests, spoken to as to any other: see services/simulator/README.md. */
export const simulatorGateway = (options: SimulatorGatewayOptions): PaymentGateway & { close(): Promise<void> } => {
  const agent = new Agent({ connections: 16, keepAliveTimeout: 10_000 });
  const timeoutMs = options.timeoutMs ?? 5_000;

  const call = async (method: 'GET' | 'POST', path: string, body?: { readonly key?: string; readonly json: object }): Promise<Answer> => {
    try {
      const { statusCode, body: stream } = await request(new URL(path, options.baseUrl), {
        method,
        dispatcher: agent,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          authorization: `Bearer ${options.secret}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(body?.key !== undefined && { 'idempotency-key': body.key }),
        },
        body: body === undefined ? null : JSON.stringify(body.json),
      });
      const text = await stream.text();
      if (statusCode >= 200 && statusCode < 300) return { kind: 'answer', json: JSON.parse(text) };
      // Only these say that the request itself was understood and refused; anything else may be different next time.
      if (statusCode === 400 || statusCode === 404 || statusCode === 422) return { kind: 'refused', status: statusCode };
      return { kind: 'unknown', reason: `status ${statusCode}` };
    } catch (error) {
      return { kind: 'unknown', reason: error instanceof Error ? error.name : 'no answer' };
    }
  };

  const observed = observedBy(options.observe);

  return {
    name: 'simulator',
    currencies: ['USD'],

    start: ({ reference, paymentId, amount, saveMethod = false }) =>
      observed('start', async () => {
        const json = {
          reference,
          amount: formatDecimal(amount.micros),
          currency: amount.currency,
          webhookUrl: options.webhookUrl,
          returnUrl: options.returnUrl(paymentId),
          saveCard: saveMethod,
        };
        const answer = await call('POST', '/payments', { key: reference, json });
        if (answer.kind === 'refused') return { outcome: 'no', reason: `The gateway refused the payment (${answer.status}).` };
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        const { id, checkoutUrl } = fieldsOf(answer.json);
        if (typeof id !== 'string' || typeof checkoutUrl !== 'string')
          return { outcome: 'unknown', reason: 'an answer without id or checkoutUrl' };
        return { outcome: 'yes', gatewayPaymentId: id, checkoutUrl };
      }),

    charge: ({ reference, amount, token }) =>
      observed('charge', async () => {
        const { webhookUrl } = options;
        const json = { reference, amount: formatDecimal(amount.micros), currency: amount.currency, webhookUrl, token };
        const answer = await call('POST', '/payments', { key: reference, json });
        if (answer.kind === 'refused') return { outcome: 'no', reason: `The gateway refused the charge (${answer.status}).` };
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        const { id } = fieldsOf(answer.json);
        return typeof id === 'string' ? { outcome: 'yes', gatewayPaymentId: id } : { outcome: 'unknown', reason: 'an answer without id' };
      }),

    savedCard: ({ gatewayPaymentId }) =>
      observed('saved_card', async () => {
        const answer = await call('GET', `/payments/${encodeURIComponent(gatewayPaymentId)}`);
        if (answer.kind !== 'answer')
          return { outcome: 'unknown', reason: answer.kind === 'unknown' ? answer.reason : `status ${answer.status}` };
        const { token, brand, last4, expiryMonth, expiryYear } = fieldsOf(fieldsOf(answer.json)['card']);
        if (typeof token !== 'string') return { outcome: 'no', reason: 'no card was kept' };
        const card = {
          token,
          brand: String(brand),
          last4: String(last4),
          expiryMonth: Number(expiryMonth),
          expiryYear: Number(expiryYear),
        };
        return { outcome: 'yes', card };
      }),

    verify: ({ reference }) =>
      observed('verify', async () => {
        const answer = await call('GET', `/payments?reference=${encodeURIComponent(reference)}`);
        if (answer.kind === 'refused') return { outcome: 'no', reason: `status ${answer.status}` };
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        const { data } = fieldsOf(answer.json);
        if (!Array.isArray(data)) return { outcome: 'unknown', reason: 'an answer without data' };
        if (data.length === 0) return { outcome: 'no', reason: 'no such payment' };
        const statements = data.map(statementOf);
        const statement = statements.find((each) => each?.status === 'succeeded') ?? statements[0];
        return statement === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', statement };
      }),

    // The note is the key: the same refund again is the same.
    refund: ({ gatewayPaymentId, refundId, amount }) =>
      observed('refund', async () => {
        const json = { amount: formatDecimal(amount.micros), note: refundId };
        const answer = await call('POST', `/payments/${encodeURIComponent(gatewayPaymentId)}/refunds`, { json });
        if (answer.kind === 'refused') return { outcome: 'no', reason: `The gateway refused the refund (${answer.status}).` };
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        const refund = refundOf(answer.json);
        return refund === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', ...refund };
      }),

    verifyRefund: ({ gatewayPaymentId, refundId }) =>
      observed('verify_refund', async () => {
        const answer = await call('GET', `/payments/${encodeURIComponent(gatewayPaymentId)}/refunds`);
        if (answer.kind !== 'answer')
          return { outcome: 'unknown', reason: answer.kind === 'unknown' ? answer.reason : `status ${answer.status}` };
        const { data } = fieldsOf(answer.json);
        if (!Array.isArray(data)) return { outcome: 'unknown', reason: 'an answer without data' };
        const found = data.find((each) => fieldsOf(each)['note'] === refundId);
        if (found === undefined) return { outcome: 'no', reason: 'no such refund' };
        const refund = refundOf(found);
        return refund === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', ...refund };
      }),

    listStatement: (from, to) =>
      observed('list', async () => {
        const answer = await call('GET', `/statement?from=${from.toISOString()}&to=${to.toISOString()}`);
        if (answer.kind !== 'answer')
          return { outcome: 'unknown', reason: answer.kind === 'unknown' ? answer.reason : `status ${answer.status}` };
        const { payments, refunds } = fieldsOf(answer.json);
        if (!Array.isArray(payments) || !Array.isArray(refunds)) return { outcome: 'unknown', reason: 'an answer without lists' };
        const lines = [...payments.map((each) => lineOf('payment', each)), ...refunds.map((each) => lineOf('refund', each))];
        const known = lines.filter((line) => line !== undefined);
        return known.length < lines.length
          ? { outcome: 'unknown', reason: 'a line that cannot be read' }
          : { outcome: 'yes', lines: known };
      }),

    listDisputes: (from) =>
      observed('disputes', async () => {
        const answer = await call('GET', `/disputes?from=${from.toISOString()}`);
        if (answer.kind !== 'answer')
          return { outcome: 'unknown', reason: answer.kind === 'unknown' ? answer.reason : `status ${answer.status}` };
        const { data } = fieldsOf(answer.json);
        const disputes = Array.isArray(data) ? data.map(disputeOf).filter((each) => each !== undefined) : [];
        return Array.isArray(data) && disputes.length === data.length
          ? { outcome: 'yes', disputes }
          : { outcome: 'unknown', reason: 'an answer that cannot be read' };
      }),

    parseNotification: ({ headers, rawBody, now }) => {
      if (!isGenuine(headers['x-simulator-signature'], rawBody, options.secret, now)) return { outcome: 'forged' };
      const notification = notificationOf(rawBody);
      return notification === undefined ? { outcome: 'malformed' } : { outcome: 'genuine', ...notification };
    },

    close: () => agent.close(),
  };
};

type Answer =
  | { readonly kind: 'answer'; readonly json: unknown }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'unknown'; readonly reason: string };

const fieldsOf = (json: unknown): Record<string, unknown> =>
  typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};

const statementOf = (json: unknown): GatewayStatement | undefined => {
  const { id, reference, status, amount, currency } = fieldsOf(json);
  const micros = typeof amount === 'string' ? parseDecimal(amount) : undefined;
  if (typeof id !== 'string' || typeof reference !== 'string' || typeof currency !== 'string' || micros === undefined) return undefined;
  if (status !== 'pending' && status !== 'succeeded' && status !== 'failed') return undefined;
  return { gatewayPaymentId: id, reference, status, amount: money(currency, micros) };
};

const refundOf = (json: unknown): RefundStatement | undefined => {
  const { id, status } = fieldsOf(json);
  if (typeof id !== 'string' || (status !== 'pending' && status !== 'succeeded' && status !== 'failed')) return undefined;
  return { gatewayRefundId: id, status };
};

const lineOf = (kind: StatementLine['kind'], json: unknown): StatementLine | undefined => {
  const { id, reference, amount, currency, createdAt } = fieldsOf(json);
  const micros = typeof amount === 'string' ? parseDecimal(amount) : undefined;
  if (typeof id !== 'string' || typeof reference !== 'string' || typeof currency !== 'string' || typeof createdAt !== 'string')
    return undefined;
  return micros === undefined ? undefined : { kind, gatewayId: id, reference, amount: money(currency, micros), at: new Date(createdAt) };
};

const disputeOf = (json: unknown): DisputeStatement | undefined => {
  const { id, reference, amount, currency, status, reason } = fieldsOf(json);
  const micros = typeof amount === 'string' ? parseDecimal(amount) : undefined;
  if (typeof id !== 'string' || typeof reference !== 'string' || typeof currency !== 'string' || typeof reason !== 'string')
    return undefined;
  if (micros === undefined || (status !== 'open' && status !== 'won' && status !== 'lost')) return undefined;
  return { gatewayDisputeId: id, reference, status, amount: money(currency, micros), reason };
};

const abouts: Readonly<Record<string, Notification['about']>> = {
  'payment.refunded': 'refund',
  'payment.disputed': 'dispute',
  'payment.dispute_decided': 'dispute',
};

const notificationOf = (rawBody: Buffer): Notification | undefined => {
  try {
    const { id, type, data } = fieldsOf(JSON.parse(rawBody.toString('utf8')));
    const { reference } = fieldsOf(data);
    if (typeof id !== 'string' || id === '' || id.length > 200 || typeof reference !== 'string') return undefined;
    return { eventId: id, reference, about: abouts[String(type)] ?? 'payment' };
  } catch {
    return undefined;
  }
};
