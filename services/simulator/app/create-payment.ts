import { appError } from '#platform/errors/index.ts';
import { boundedMap, type BoundedMap } from '../domain/bounded-map.ts';
import type { Payment, PaymentProtocol } from '../domain/payment.ts';
import type { World } from './ports.ts';
import type { SettlePayment } from './settle-payment.ts';

const capacity = 200_000;

export interface PaymentOrder {
  readonly protocol: PaymentProtocol;
  readonly reference: string;
  readonly amountMicros: bigint;
  readonly currency: string;
  readonly webhookUrl: string;
  readonly returnUrl: string;
  readonly savesCard?: boolean;
  readonly direct?: boolean;
  readonly payerEmail?: string;
}

const idPrefix: Readonly<Record<PaymentProtocol, string>> = { simulator: 'sim', stripe: 'cs', paystack: 'ps', flutterwave: 'flw' };

/** The number of a payment, for protocols whose ids are numbers. */
export const paymentNumber = (payment: Payment): number => Number.parseInt(payment.id.slice(payment.id.indexOf('_') + 1), 36);
export const paymentIdOfNumber = (protocol: PaymentProtocol, number: number): string => `${idPrefix[protocol]}_${number.toString(36)}`;

export interface PaymentBook {
  readonly payments: BoundedMap<string, Payment>;
  byReference(reference: string): readonly Payment[];
  nextId(prefix: string): string;
  add(payment: Payment, idempotencyKey: string, request: string): void;
  repeated(idempotencyKey: string): { payment: Payment; request: string } | undefined;
  clear(): void;
}

export const createPaymentBook = (world: Pick<World, 'clock'>): PaymentBook => {
  const keys = boundedMap<string, { payment: Payment; request: string }>(capacity);
  const references = new Map<string, Payment[]>();
  const payments = boundedMap<string, Payment>(capacity, (payment) => {
    const left = (references.get(payment.reference) ?? []).filter((other) => other !== payment);
    if (left.length === 0) references.delete(payment.reference);
    else references.set(payment.reference, left);
  });
  let last = world.clock.now().getTime() * 10;
  return {
    payments,
    byReference: (reference) => references.get(reference) ?? [],
    nextId: (prefix) => `${prefix}_${(last += 1).toString(36)}`,
    add: (payment, idempotencyKey, request) => {
      payments.set(payment.id, payment);
      references.set(payment.reference, [...(references.get(payment.reference) ?? []), payment]);
      keys.set(idempotencyKey, { payment, request });
    },
    repeated: (idempotencyKey) => keys.get(idempotencyKey),
    clear: () => {
      payments.clear();
      keys.clear();
      references.clear();
    },
  };
};

export interface CreatePayment {
  /**
   * The same key with the same order: the same payment.
   * @throws request.idempotency_conflict when the key was used with another order
   */
  (order: PaymentOrder, idempotencyKey: string): Payment;
}

export const createCreatePayment = (world: World, dependencies: { book: PaymentBook; settlePayment: SettlePayment }): CreatePayment => {
  const { book, settlePayment } = dependencies;
  return (order, idempotencyKey) => {
    const request = [order.reference, order.amountMicros, order.currency, order.webhookUrl, order.returnUrl, order.savesCard === true].join(
      '\n',
    );
    const scopedKey = `${order.protocol}:${idempotencyKey}`;
    const repeated = book.repeated(scopedKey);
    if (repeated !== undefined) {
      if (repeated.request !== request) throw appError('request.idempotency_conflict');
      return repeated.payment;
    }
    const nowMs = world.clock.now().getTime();
    const payment: Payment = {
      id: book.nextId(idPrefix[order.protocol]),
      protocol: order.protocol,
      reference: order.reference,
      askedMicros: order.amountMicros,
      askedCurrency: order.currency,
      paidMicros: order.amountMicros,
      paidCurrency: order.currency,
      status: 'pending',
      savesCard: order.savesCard === true,
      direct: order.direct === true,
      payerEmail: order.payerEmail ?? '',
      webhookUrl: order.webhookUrl,
      returnUrl: order.returnUrl,
      createdAtMs: nowMs,
    };
    book.add(payment, scopedKey, request);
    world.counters.payments += 1;
    const { autoOutcome, autoOutcomeDelayMs } = world.settings.payments;
    if (autoOutcome !== 'none' && payment.direct !== true)
      world.agenda.at(nowMs + autoOutcomeDelayMs, () => settlePayment(payment, autoOutcome));
    return payment;
  };
};
