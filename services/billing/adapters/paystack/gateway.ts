import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { fromMinorUnits, toMinorUnits } from '#platform/money/index.ts';
import { addMs, dayMs } from '#platform/time/index.ts';
import type { ObserveGateway, PaymentGateway, Refused, RefundStatement, Unknown } from '../../app/payments/ports.ts';
import type { DisputeStatement } from '../../domain/dispute.ts';
import type { StatementLine } from '../../domain/statement.ts';
import type { GatewayStatement } from '../../domain/payment.ts';
import { fieldsOf, jsonHttp, readBody } from '#platform/json-http/index.ts';
import { observedBy } from '#platform/telemetry/index.ts';

export interface PaystackGatewayOptions {
  readonly baseUrl: string;
  /** Bearer of the API and key of the webhook's signature: Paystack has no other. */
  readonly secretKey: string;
  readonly returnUrl: (paymentId: string) => string;
  /** Paystack asks for an address; the customer's own stays with us. */
  readonly contactEmail: string;
  readonly timeoutMs?: number;
  readonly observe?: ObserveGateway;
}

/** How often a start may have lost its answer. */
const maxReferences = 5;
const referenceOf = (attemptId: string, nth: number): string => (nth === 1 ? attemptId : `${attemptId}-${nth}`);
const attemptIdOf = (reference: string): string => reference.replace(/-[2-5]$/, '');
const perPage = 100;
const maxPages = 1_000;
const pattern = /^[0-9a-f]{128}$/;

type Found = { readonly outcome: 'yes'; readonly statement: GatewayStatement } | Refused | Unknown;

/**
 * Paystack takes a reference once and tells the page's address once. A start that is repeated after a lost answer opens
 * the next reference of the same attempt; a verification looks at all of them, and one success is enough.
 */
export const paystackGateway = (options: PaystackGatewayOptions): PaymentGateway & { close(): Promise<void> } => {
  const http = jsonHttp({ ...options, timeoutMs: options.timeoutMs ?? 5_000 });
  const observed = observedBy(options.observe);

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

  /**
   * Every page of a list, up to the last that it counts, or an empty one: some lists know the size of a page by another name, and give fewer.
   * @returns undefined when one of them cannot be read
   */
  const pages = async (path: string, query: string): Promise<readonly Record<string, unknown>[] | undefined> => {
    const all: Record<string, unknown>[] = [];
    for (let page = 1; page <= maxPages; page++) {
      const answer = await http('GET', `${path}?${query}&perPage=${perPage}&page=${page}`);
      const { data, meta } = answer.kind === 'answer' ? fieldsOf(answer.json) : {};
      if (!Array.isArray(data)) return undefined;
      all.push(...data.map(fieldsOf));
      if (data.length === 0 || page >= Number(fieldsOf(meta)['pageCount'] ?? Infinity)) return all;
    }
    return undefined;
  };

  return {
    name: 'paystack',
    currencies: ['USD'],

    start: ({ reference: attemptId, paymentId, amount }) =>
      observed('start', async () => {
        const minor = toMinorUnits(amount);
        if (minor === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        for (let nth = 1; nth <= maxReferences; nth++) {
          const reference = referenceOf(attemptId, nth);
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

    // A reference that is taken is ours, of a call whose answer was lost: `verify` tells how it went.
    charge: ({ reference, amount, token }) =>
      observed('charge', async () => {
        const minor = toMinorUnits(amount);
        if (minor === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const [code = '', email = ''] = token.split(' ');
        const body = { authorization_code: code, email, amount: String(minor), currency: amount.currency, reference };
        const answer = await http('POST', '/transaction/charge_authorization', body);
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        if (answer.kind === 'refused' && !/duplicate/i.test(String(fieldsOf(answer.json)['message'])))
          return { outcome: 'no', reason: `The gateway refused the charge (${answer.status}).` };
        // It waits for the customer at a page that nobody is sent to.
        if (answer.kind === 'answer' && fieldsOf(fieldsOf(answer.json)['data'])['paused'] === true)
          return { outcome: 'no', reason: 'The card asks for its owner.' };
        return { outcome: 'yes', gatewayPaymentId: reference };
      }),

    savedCard: ({ gatewayPaymentId }) =>
      observed('saved_card', async () => {
        const answer = await http('GET', `/transaction/verify/${encodeURIComponent(gatewayPaymentId)}`);
        if (answer.kind !== 'answer')
          return { outcome: 'unknown', reason: answer.kind === 'unknown' ? answer.reason : `status ${answer.status}` };
        const { authorization, customer } = fieldsOf(fieldsOf(answer.json)['data']);
        const { authorization_code: code, reusable, card_type: brand, last4, exp_month: month, exp_year: year } = fieldsOf(authorization);
        // It is charged again only together with the address that it was given with.
        const { email } = fieldsOf(customer);
        if (typeof code !== 'string' || typeof email !== 'string' || reusable !== true)
          return { outcome: 'no', reason: 'no card was kept' };
        const card = {
          token: `${code} ${email}`,
          brand: String(brand),
          last4: String(last4),
          expiryMonth: Number(month),
          expiryYear: Number(year),
        };
        return { outcome: 'yes', card };
      }),

    verify: ({ reference }) =>
      observed('verify', async () => {
        let best: Found | undefined;
        for (let nth = 1; nth <= maxReferences; nth++) {
          const found = await look(referenceOf(reference, nth));
          if (found.outcome === 'no') break;
          if (found.outcome === 'unknown' || found.statement.status === 'succeeded') return found;
          // A page that is still open outweighs one that was declined.
          if (best === undefined || found.statement.status === 'pending') best = found;
        }
        return best ?? { outcome: 'no', reason: 'no such transaction' };
      }),

    // Of the reference that was paid. Paystack knows no keys; the note is how a refund is found again.
    refund: ({ gatewayPaymentId, refundId, amount }) =>
      observed('refund', async () => {
        const minor = toMinorUnits(amount);
        if (minor === undefined) return { outcome: 'no', reason: 'The amount is finer than the currency.' };
        const body = { transaction: gatewayPaymentId, amount: String(minor), currency: amount.currency, merchant_note: refundId };
        const answer = await http('POST', '/refund', body);
        if (answer.kind === 'unknown') return { outcome: 'unknown', reason: answer.reason };
        if (answer.kind === 'refused') return { outcome: 'no', reason: `The gateway refused the refund (${answer.status}).` };
        const refund = refundOf(fieldsOf(answer.json)['data']);
        return refund === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', ...refund };
      }),

    // By time: of what else the list may be asked for, its descriptions say different things, and one that is not found is made again.
    verifyRefund: ({ refundId, requestedAt }) =>
      observed('verify_refund', async () => {
        const found = await pages('/refund', `from=${addMs(requestedAt, -dayMs).toISOString()}`);
        if (found === undefined) return { outcome: 'unknown', reason: 'the refunds cannot be listed' };
        const one = found.find((each) => each['merchant_note'] === refundId);
        if (one === undefined) return { outcome: 'no', reason: 'no such refund' };
        const refund = refundOf(one);
        return refund === undefined ? { outcome: 'unknown', reason: 'an answer that cannot be read' } : { outcome: 'yes', ...refund };
      }),

    listStatement: (from, to) =>
      observed('list', async () => {
        const range = `from=${from.toISOString()}&to=${to.toISOString()}`;
        // A payment that was given back as a whole had been paid.
        const paid = await pages('/transaction', `status=success&${range}`);
        const reversed = await pages('/transaction', `status=reversed&${range}`);
        const returned = await pages('/refund', range);
        if (paid === undefined || reversed === undefined || returned === undefined)
          return { outcome: 'unknown', reason: 'the statement cannot be listed' };
        // One that is reversed between the two lists is in both.
        const payments = new Map([...paid, ...reversed].map((each) => [each['id'], each]));
        const done = returned.filter(({ status }) => status === 'processed');
        const lines = [...[...payments.values()].map((each) => lineOf('payment', each)), ...done.map((each) => lineOf('refund', each))];
        const known = lines.filter((line) => line !== undefined);
        return known.length < lines.length
          ? { outcome: 'unknown', reason: 'a line that cannot be read' }
          : { outcome: 'yes', lines: known };
      }),

    listDisputes: (from, to) =>
      observed('disputes', async () => {
        const found = await pages('/dispute', `from=${from.toISOString()}&to=${to.toISOString()}`);
        const disputes = found?.map(disputeOf).filter((each) => each !== undefined);
        if (found === undefined || disputes?.length !== found.length)
          return { outcome: 'unknown', reason: 'the disputes cannot be listed' };
        return { outcome: 'yes', disputes };
      }),

    // There is no time in the signature: what is stored once per event, and asked about, cannot be replayed for money.
    parseNotification: ({ headers, rawBody }) => {
      const signature = headers['x-paystack-signature'] ?? '';
      const expected = createHmac('sha512', options.secretKey).update(rawBody).digest();
      if (!pattern.test(signature) || !timingSafeEqual(expected, Buffer.from(signature, 'hex'))) return { outcome: 'forged' };
      const { event, data } = readBody(rawBody) ?? {};
      const { id: numbered, reference, transaction_reference: refunded, transaction } = fieldsOf(data);
      // Most events of refunds have no id: one that is repeated is known by its bytes.
      const id = typeof numbered === 'string' ? numbered : createHash('sha256').update(rawBody).digest('hex');
      if (typeof event !== 'string' || event === '' || typeof data !== 'object' || event.length + id.length > 190)
        return { outcome: 'malformed' };
      const about = event.startsWith('charge.dispute.') ? 'dispute' : event.startsWith('refund.') ? 'refund' : 'payment';
      const named = { payment: reference, refund: refunded, dispute: fieldsOf(transaction)['reference'] }[about];
      return { outcome: 'genuine', eventId: `${event}:${id}`, reference: typeof named === 'string' ? attemptIdOf(named) : '', about };
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
    reference: attemptIdOf(reference),
    status: known,
    amount: fromMinorUnits(currency, BigInt(amount)),
  };
};

const refundStatuses: Readonly<Record<string, RefundStatement['status']>> = {
  pending: 'pending',
  processing: 'pending',
  // Paystack asks the operators for the customer's bank account.
  'needs-attention': 'pending',
  processed: 'succeeded',
  failed: 'failed',
};

const refundOf = (json: unknown): RefundStatement | undefined => {
  const { id, status } = fieldsOf(json);
  const known = refundStatuses[String(status)];
  return typeof id !== 'string' || known === undefined ? undefined : { gatewayRefundId: id, status: known };
};

const lineOf = (kind: StatementLine['kind'], json: Record<string, unknown>): StatementLine | undefined => {
  const { id, reference, transaction_reference: refunded, amount, currency, created_at, createdAt = created_at } = json;
  const [named, at] = kind === 'payment' ? [reference, created_at] : [refunded, createdAt];
  if (typeof id !== 'string' || typeof named !== 'string' || typeof currency !== 'string' || typeof at !== 'string') return undefined;
  if (typeof amount !== 'string' || !/^\d{1,15}$/.test(amount)) return undefined;
  return { kind, gatewayId: id, reference: attemptIdOf(named), amount: fromMinorUnits(currency, BigInt(amount)), at: new Date(at) };
};

/** A dispute that is `resolved` was accepted by the merchant, who pays, or declined, with the bank's consent. */
const disputeOf = (json: Record<string, unknown>): DisputeStatement | undefined => {
  const { id, status, resolution, refund_amount: wanted, category, transaction } = json;
  const { reference, amount: paid, currency } = fieldsOf(transaction);
  const amount = typeof wanted === 'string' ? wanted : paid;
  if (typeof id !== 'string' || typeof reference !== 'string' || typeof currency !== 'string') return undefined;
  if (typeof amount !== 'string' || !/^\d{1,15}$/.test(amount)) return undefined;
  const decided = resolution === 'declined' ? 'won' : 'lost';
  return {
    gatewayDisputeId: id,
    reference: attemptIdOf(reference),
    status: status === 'resolved' ? decided : 'open',
    amount: fromMinorUnits(currency, BigInt(amount)),
    reason: typeof category === 'string' ? category : '',
  };
};
