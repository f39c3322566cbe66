import { compare, formatDecimal, type Money } from '#platform/money/index.ts';
import { dayMs, minuteMs } from '#platform/time/index.ts';

/** pending < failed < succeeded < mismatched: a payment only climbs (see `settlement`). `mismatched` is shown as failed. */
export type PaymentStatus = 'pending' | 'succeeded' | 'failed' | 'mismatched';

export interface Payment {
  readonly id: string;
  readonly tenantId: string;
  readonly gateway: string;
  /** The gateway's own id; empty until it has answered. */
  readonly gatewayPaymentId: string;
  readonly amount: Money;
  readonly status: PaymentStatus;
  readonly checkoutUrl: string;
  readonly failureReason: string;
  readonly createdAt: Date;
  readonly settledAt: Date | undefined;
}

/** What the gateway's own API says about a payment: the only thing that is ever believed. */
export interface GatewayStatement {
  readonly gatewayPaymentId: string;
  /** The id that we gave it. */
  readonly reference: string;
  readonly status: 'pending' | 'succeeded' | 'failed';
  readonly amount: Money;
}

export const paymentLimits = { minMicros: 1_000_000n, maxMicros: 10_000_000_000n, stepMicros: 10_000n } as const;

/** After this time without a success the customer has walked away; a success that comes later is still credited. */
export const abandonedAfterMs = 7 * dayMs;

export type Settlement =
  | { readonly kind: 'none' }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'mismatched'; readonly reason: string };

/**
 * Decides what a statement of the gateway does to a payment. Nothing moves back: a success is never undone, a failure
 * is overtaken only by a success (a customer may pay at the second try), and money that does not match in amount,
 * currency or reference is recorded and never credited by guess.
 */
export const settlement = (payment: Payment, statement: GatewayStatement): Settlement => {
  if (payment.status === 'succeeded' || payment.status === 'mismatched') return { kind: 'none' };
  if (statement.status === 'pending') return { kind: 'none' };
  if (statement.status === 'failed')
    return payment.status === 'failed' ? { kind: 'none' } : { kind: 'failed', reason: 'The gateway declined the payment.' };
  const reason = mismatch(payment, statement);
  return reason === undefined ? { kind: 'succeeded' } : { kind: 'mismatched', reason };
};

const mismatch = (payment: Payment, { amount, reference }: GatewayStatement): string | undefined => {
  if (reference !== payment.id) return 'The gateway reports another reference.';
  if (amount.currency !== payment.amount.currency) return `Paid in ${amount.currency} instead of ${payment.amount.currency}.`;
  if (compare(amount, payment.amount) !== 0)
    return `Paid ${formatDecimal(amount.micros)} instead of ${formatDecimal(payment.amount.micros)}.`;
  return undefined;
};

/** How long to wait before a pending payment is asked about again: often at first, then at half its age, at most 6 hours. */
export const nextCheckDelayMs = (ageMs: number, firstCheckMs: number): number =>
  Math.min(Math.max(firstCheckMs, ageMs / 2), 360 * minuteMs);
