import { compare, formatDecimal, type Money } from '#platform/money/index.ts';
import { dayMs, minuteMs } from '#platform/time/index.ts';

/** pending and failed follow the current attempt; mismatched and then succeeded are above them. `mismatched` is shown as failed. */
export type PaymentStatus = 'pending' | 'succeeded' | 'failed' | 'mismatched';

export interface Payment {
  readonly id: string;
  readonly tenantId: string;
  readonly amount: Money;
  readonly status: PaymentStatus;
  readonly failureReason: string;
  readonly createdAt: Date;
  readonly settledAt: Date | undefined;
  /** The current attempt, or the one that was credited, and what it says of itself. */
  readonly attemptId: string;
  readonly gateway: string;
  /** The gateway's own id; empty until it has answered. */
  readonly gatewayPaymentId: string;
  readonly checkoutUrl: string;
}

/** pending < failed < the rest, which are final: an attempt only climbs. `surplus`: paid although another attempt had been credited. */
export type AttemptStatus = 'pending' | 'failed' | 'succeeded' | 'surplus' | 'mismatched';

/** One try to pay a payment at one gateway. Its id is the reference that the gateway knows. */
export interface Attempt {
  readonly id: string;
  readonly paymentId: string;
  readonly tenantId: string;
  readonly ordinal: number;
  readonly gateway: string;
  readonly gatewayPaymentId: string;
  readonly checkoutUrl: string;
  readonly amount: Money;
  /** The customer lets the card be kept. */
  readonly saveMethod: boolean;
  /** Charged to a saved card, without a page; `token` is missing when the card was removed meanwhile. Absent: a person pays on a page. */
  readonly charge: { readonly token: string | undefined } | undefined;
  readonly status: AttemptStatus;
  readonly failureReason: string;
  readonly createdAt: Date;
  readonly settledAt: Date | undefined;
}

/** One thing that happened to a payment. */
export interface PaymentLogEntry {
  readonly at: Date;
  readonly kind: string;
  readonly gateway: string;
  readonly reference: string;
  readonly detail: string;
  readonly amount: Money | undefined;
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
 * Decides what a statement of the gateway does to an attempt. Nothing moves back: a success is never undone, a failure
 * is overtaken only by a success (a customer may pay at the second try), and money that does not match in amount,
 * currency or reference is recorded and never credited by guess.
 */
export const settlement = (attempt: Attempt, statement: GatewayStatement): Settlement => {
  if (isFinal(attempt)) return { kind: 'none' };
  if (statement.status === 'pending') return { kind: 'none' };
  if (statement.status === 'failed')
    return attempt.status === 'failed' ? { kind: 'none' } : { kind: 'failed', reason: 'The gateway declined the payment.' };
  const reason = mismatch(attempt, statement);
  return reason === undefined ? { kind: 'succeeded' } : { kind: 'mismatched', reason };
};

export const isFinal = ({ status }: Attempt): boolean => status !== 'pending' && status !== 'failed';

const mismatch = (attempt: Attempt, { amount, reference }: GatewayStatement): string | undefined => {
  if (reference !== attempt.id) return 'The gateway reports another reference.';
  if (amount.currency !== attempt.amount.currency) return `Paid in ${amount.currency} instead of ${attempt.amount.currency}.`;
  if (compare(amount, attempt.amount) !== 0)
    return `Paid ${formatDecimal(amount.micros)} instead of ${formatDecimal(attempt.amount.micros)}.`;
  return undefined;
};

/** How long to wait before a pending attempt is asked about again: often at first, then at half its age, at most 6 hours. */
export const nextCheckDelayMs = (ageMs: number, firstCheckMs: number): number =>
  Math.min(Math.max(firstCheckMs, ageMs / 2), 360 * minuteMs);
