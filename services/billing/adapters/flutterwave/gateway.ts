import { createHash, timingSafeEqual } from 'node:crypto';
import { formatDecimal, money, parseDecimal, toMinorUnits } from '#platform/money/index.ts';
import type { ObserveGateway, PaymentGateway, RefundStatement } from '../../app/payments/ports.ts';
import type { DisputeStatement } from '../../domain/dispute.ts';
import type { StatementLine } from '../../domain/statement.ts';
import type { GatewayStatement } from '../../domain/payment.ts';
import { fieldsOf, jsonHttp, readBody } from '#platform/json-http/index.ts';
import { observedBy } from '#platform/telemetry/index.ts';

export interface FlutterwaveGatewayOptions {
  /** Without `/v3`. */
  readonly baseUrl: string;
  readonly secretKey: string;
  /** The shared secret that comes with each webhook. */
  readonly webhookHash: string;
  readonly returnUrl: (paymentId: string) => string;
  readonly contactEmail: string;
  readonly timeoutMs?: number;
  readonly observe?: ObserveGateway;
}

const maxPages = 1_000;
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Flutterwave v3. A page that is asked for again has another address and the same `tx_ref`; the reference finds what was paid. */
export const flutterwaveGateway = (options: FlutterwaveGatewayOptions): PaymentGateway & { close(): Promise<void> } => {
  const http = jsonHttp({ ...options, timeoutMs: options.timeoutMs ?? 5_000 });
  const secret = digest(options.webhookHash);
  const observed = observedBy(options.observe);

  const byReference = (reference: string) => http('GET', `/v3/transactions/verify_by_reference?tx_ref=${encodeURIComponent(reference)}`);

  /** Every page of a list. @returns undefined when one of them cannot be read */
  const pages = async (path: string, query: string): Promise<readonly Record<string, unknown>[] | undefined> => {
    const all: Record<string, unknown>[] = [];
    for (let page = 1; page <= maxPages; page++) {
      const answer = await http('GET', `${path}?${query}&page=${page}`);
      const { data, meta } = answer.kind === 'answer' ? fieldsOf(answer.json) : {};
      if (!Array.isArray(data)) return undefined;
      all.push(...data.map(fieldsOf));
      if (page >= Number(fieldsOf(fieldsOf(meta)['page_info'])['total_pages'] ?? 1)) return all;
    }
    return undefined;
  };

  return {
    name: 'flutterwave',
    currencies: ['USD'],

    start: ({ reference, paymentId, amount }) =>
      observed('start', async () => {
        if (toMinorUnits(amount) === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const answer = await http('POST', '/v3/payments', {
          tx_ref: reference,
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

    charge: ({ reference, amount, token }) =>
      observed('charge', async () => {
        const [card = '', email = ''] = token.split(' ');
        const body = { token: card, email, currency: amount.currency, amount: formatDecimal(amount.micros), tx_ref: reference };
        const answer = await http('POST', '/v3/tokenized-charges', body);
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        // A reference that is taken is ours, of a call whose answer was lost: `verify` tells how it went, and its id what is given back.
        const taken = answer.kind === 'refused' && /already exist|duplicate/i.test(String(fieldsOf(answer.json)['message']));
        const made = taken ? await byReference(reference) : answer;
        if (made.kind === 'unknown') return { outcome: 'unknown', reason: made.reason };
        if (made.kind === 'refused')
          return taken
            ? { outcome: 'unknown', reason: 'a reference that is taken and not found' }
            : { outcome: 'no', reason: `The gateway refused the charge (${made.status}).` };
        const { id, status, meta, auth_model: model } = fieldsOf(fieldsOf(made.json)['data']);
        // It waits for the customer at a page that nobody is sent to. When it is found again its page is not told, only its kind.
        const { redirect } = fieldsOf(fieldsOf(meta)['authorization']);
        if (status === 'pending' && (typeof redirect === 'string' || model === 'VBVSECURECODE'))
          return { outcome: 'no', reason: 'The card asks for its owner.' };
        return typeof id === 'string' ? { outcome: 'yes', gatewayPaymentId: id } : { outcome: 'unknown', reason: 'an answer without id' };
      }),

    savedCard: ({ reference }) =>
      observed('saved_card', async () => {
        const answer = await byReference(reference);
        if (answer.kind !== 'answer')
          return { outcome: 'unknown', reason: answer.kind === 'unknown' ? answer.reason : `status ${answer.status}` };
        const { card, customer } = fieldsOf(fieldsOf(answer.json)['data']);
        const { token, type: brand, last_4digits: last4, expiry } = fieldsOf(card);
        const { email } = fieldsOf(customer);
        if (typeof token !== 'string' || typeof email !== 'string') return { outcome: 'no', reason: 'no card was kept' };
        const [month = '', year = ''] = String(expiry).split('/');
        const dates = { expiryMonth: Number(month), expiryYear: 2_000 + Number(year) };
        return { outcome: 'yes', card: { token: `${token} ${email}`, brand: String(brand).toLowerCase(), last4: String(last4), ...dates } };
      }),

    verify: ({ reference }) =>
      observed('verify', async () => {
        const answer = await byReference(reference);
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        if (answer.kind === 'refused')
          return /no transaction/i.test(String(fieldsOf(answer.json)['message']))
            ? { outcome: 'no', reason: 'no transaction yet' }
            : { outcome: 'unknown', reason: `status ${answer.status}` };
        const statement = statementOf(fieldsOf(answer.json)['data']);
        return statement === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', statement };
      }),

    // Flutterwave knows no keys; the comment is how a refund is found again.
    refund: ({ gatewayPaymentId, refundId, amount }) =>
      observed('refund', async () => {
        const body = { amount: formatDecimal(amount.micros), comments: refundId };
        const answer = await http('POST', `/v3/transactions/${encodeURIComponent(gatewayPaymentId)}/refund`, body);
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        if (answer.kind === 'refused') return { outcome: 'no', reason: `The gateway refused the refund (${answer.status}).` };
        const refund = refundOf(fieldsOf(answer.json)['data']);
        return refund === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', ...refund };
      }),

    // Where refunds are listed the note has another name than where they are made. One without a note may be ours, and is not made again.
    verifyRefund: ({ gatewayPaymentId, refundId, gatewayRefundId }) =>
      observed('verify_refund', async () => {
        const found = await pages('/v3/refunds', `id=${encodeURIComponent(gatewayPaymentId)}`);
        if (found === undefined) return { outcome: 'unknown', reason: 'the refunds cannot be listed' };
        const one = found.find(({ id, comment, comments }) => id === gatewayRefundId || comment === refundId || comments === refundId);
        if (one === undefined)
          return found.every(({ comment, comments = comment }) => typeof comments === 'string')
            ? { outcome: 'no', reason: 'no such refund' }
            : { outcome: 'unknown', reason: 'a refund of the payment without a note' };
        const refund = refundOf(one);
        return refund === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', ...refund };
      }),

    // It filters by days; what lies outside the range is left out here.
    listStatement: (from, to) =>
      observed('list', async () => {
        const days = `from=${from.toISOString().slice(0, 10)}&to=${to.toISOString().slice(0, 10)}`;
        const [paid, returned] = [await pages('/v3/transactions', `status=successful&${days}`), await pages('/v3/refunds', days)];
        if (paid === undefined || returned === undefined) return { outcome: 'unknown', reason: 'the statement cannot be listed' };
        const done = returned.filter(({ status }) => refundStatusOf(status) === 'succeeded');
        // A refund names its payment by the gateway's id only.
        const payments = new Map(paid.map((each) => [each['id'], each]));
        for (const { transaction_id: id } of done) {
          if (payments.has(id)) continue;
          const answer = await http('GET', `/v3/transactions/${encodeURIComponent(String(id))}/verify`);
          if (answer.kind !== 'answer') return { outcome: 'unknown', reason: 'the payment of a refund cannot be read' };
          payments.set(id, fieldsOf(fieldsOf(answer.json)['data']));
        }
        const lines = [
          ...paid.map((each) => lineOf('payment', each, each)),
          ...done.map((each) => lineOf('refund', each, payments.get(each['transaction_id']) ?? {})),
        ];
        const known = lines.filter((line) => line !== undefined);
        if (known.length < lines.length) return { outcome: 'unknown', reason: 'a line that cannot be read' };
        return { outcome: 'yes', lines: known.filter(({ at }) => at >= from && at < to) };
      }),

    // What a webhook of theirs looks like is not described: they are listed, by days.
    listDisputes: (from, to) =>
      observed('disputes', async () => {
        const found = await pages('/v3/chargebacks', `from=${from.toISOString().slice(0, 10)}&to=${to.toISOString().slice(0, 10)}`);
        const stages = found?.map(disputeOf).filter((each) => each !== undefined);
        if (found === undefined || stages?.length !== found.length)
          return { outcome: 'unknown', reason: 'the chargebacks cannot be listed' };
        return { outcome: 'yes', disputes: wholeDisputes(stages) };
      }),

    // The header proves only that the sender knows the secret; the API is asked about everything else.
    parseNotification: ({ headers, rawBody }) => {
      const given = headers['verif-hash'];
      if (given === undefined || !timingSafeEqual(digest(given), secret)) return { outcome: 'forged' };
      const { event, data } = readBody(rawBody) ?? {};
      const { id, tx_ref: reference, status } = fieldsOf(data);
      const eventId = `${String(event)}:${String(id)}:${String(status)}`;
      if (typeof event !== 'string' || event === '' || typeof id !== 'string' || eventId.length > 200) return { outcome: 'malformed' };
      const about = event.startsWith('refund.') ? 'refund' : 'payment';
      return { outcome: 'genuine', eventId, reference: typeof reference === 'string' ? reference : '', about };
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

/** `completed`, `completed-momo`, `completed-bank-transfer`, `completed-mpgs`, … by the way that the money takes; so with `pending`. */
const refundStatusOf = (status: unknown): RefundStatement['status'] | undefined => {
  const [state = ''] = String(status).split('-');
  return ({ pending: 'pending', initiated: 'pending', completed: 'succeeded', successful: 'succeeded', failed: 'failed' } as const)[state];
};

const refundOf = (json: unknown): RefundStatement | undefined => {
  const { id, status } = fieldsOf(json);
  const known = refundStatusOf(status);
  return typeof id !== 'string' || known === undefined ? undefined : { gatewayRefundId: id, status: known };
};

const lineOf = (
  kind: StatementLine['kind'],
  json: Record<string, unknown>,
  payment: Record<string, unknown>,
): StatementLine | undefined => {
  const { id, amount, amount_refunded: refunded, created_at: at } = json;
  const { tx_ref: reference, currency } = payment;
  const text = kind === 'payment' ? amount : refunded;
  const micros = typeof text === 'string' ? parseDecimal(text) : undefined;
  if (typeof id !== 'string' || typeof reference !== 'string' || typeof currency !== 'string' || typeof at !== 'string') return undefined;
  return micros === undefined ? undefined : { kind, gatewayId: id, reference, amount: money(currency, micros), at: new Date(at) };
};

const disputeStatuses: Readonly<Record<string, DisputeStatement['status']>> = { won: 'won', lost: 'lost', accepted: 'lost' };

const disputeOf = (json: Record<string, unknown>): DisputeStatement | undefined => {
  const { id, tx_ref: reference, amount, currency, status, comment } = json;
  const micros = typeof amount === 'string' ? parseDecimal(amount) : undefined;
  if (typeof id !== 'string' || typeof reference !== 'string' || micros === undefined) return undefined;
  return {
    gatewayDisputeId: id,
    reference,
    status: disputeStatuses[String(status)] ?? 'open',
    amount: money(typeof currency === 'string' ? currency : 'USD', micros),
    reason: typeof comment === 'string' ? comment : '',
  };
};

/**
 * A chargeback that goes on (second, pre-arbitration, arbitration) is listed again under another id, for the same money: it is the same dispute,
 * known by its first id, and stands as its last stage does. What comes after one that was won asks for the money anew.
 */
const wholeDisputes = (stages: readonly DisputeStatement[]): readonly DisputeStatement[] => {
  const whole: DisputeStatement[] = [];
  for (const stage of stages.toSorted((a, b) => Number(a.gatewayDisputeId) - Number(b.gatewayDisputeId))) {
    const at = whole.findLastIndex(({ reference }) => reference === stage.reference);
    const before = whole[at];
    if (before === undefined || before.status === 'won') whole.push(stage);
    else whole[at] = { ...before, status: stage.status };
  }
  return whole;
};
