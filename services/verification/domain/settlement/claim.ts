/**
 * The provider's side of an activation. The customer's side is settled the moment it ends; what the provider takes for it is known
 * only from the provider: an activation without a code is money that we claim until a fact says that it came back, or that it will not.
 */
import { addMs, hourMs, minuteMs } from '#platform/time/index.ts';

export interface Claim {
  /** An activation, or an order of a rental: then the two ids are the order's and the rental's. */
  readonly product: 'activation' | 'rental';
  readonly verificationId: string;
  readonly tenantId: string;
  readonly provider: string;
  readonly activationId: string;
  readonly costMicros: bigint;
  readonly endedAt: Date;
  /** How often the provider was asked. */
  readonly attempts: number;
}

/** The facts that settle a claim. */
const evidences = [
  /** The provider calls it cancelled. */
  'provider_cancelled',
  /** It ended at the provider without a code, which costs nothing. */
  'provider_ended',
  /** The provider does not know it any more. */
  'provider_forgot',
  /** It was still running, and our cancellation was taken. */
  'cancel_confirmed',
  /** The provider has a code that the customer never got. */
  'code_at_provider',
  /** The provider keeps what it took for a rental that was given back. */
  'kept_by_provider',
  /** The customer got more back for a rental than the provider gave us. */
  'kept_after_release',
  /** An order without an answer had no effect there. */
  'never_bought',
  /** No answer until the end of the time in which providers give money back. */
  'unconfirmed',
] as const;
export type Evidence = (typeof evidences)[number];

export type Verdict =
  | { readonly kind: 'refunded' | 'lost'; readonly evidence: Evidence }
  /** Still running there: has to be cancelled. */
  | { readonly kind: 'cancel' }
  | { readonly kind: 'wait'; readonly afterMs: number | undefined };

export interface ClaimTiming {
  /** From the first question to the second; doubles up to `maxMs`. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** From the end of an activation: after that no provider gives anything back. */
  readonly windowMs: number;
}

export const claimTiming: ClaimTiming = { firstMs: minuteMs, maxMs: hourMs, windowMs: 24 * hourMs };

const refunded = (evidence: Evidence): Verdict => ({ kind: 'refunded', evidence });
const lost = (evidence: Evidence): Verdict => ({ kind: 'lost', evidence });

export const byStatus = (kind: 'waiting' | 'cancelled' | 'finished' | 'absent' | 'code' | 'unknown'): Verdict => {
  switch (kind) {
    case 'cancelled':
      return refunded('provider_cancelled');
    case 'finished':
      return refunded('provider_ended');
    case 'absent':
      return refunded('provider_forgot');
    case 'code':
      return lost('code_at_provider');
    case 'waiting':
      return { kind: 'cancel' };
    case 'unknown':
      return { kind: 'wait', afterMs: undefined };
  }
};

/** What became of a rental there that should cost nothing. */
export const byRental = (kind: 'active' | 'returned' | 'ended' | 'absent' | 'unknown'): Verdict => {
  switch (kind) {
    case 'returned':
      return refunded('provider_cancelled');
    case 'absent':
      return refunded('provider_forgot');
    case 'ended':
      return lost('kept_by_provider');
    case 'active':
      return { kind: 'cancel' };
    case 'unknown':
      return { kind: 'wait', afterMs: undefined };
  }
};

export const byRelease = (
  answer: { readonly kind: 'released'; readonly returned: boolean } | { readonly kind: 'denied' | 'unknown' },
): Verdict => {
  if (answer.kind !== 'released') return { kind: 'wait', afterMs: undefined };
  return answer.returned ? refunded('cancel_confirmed') : lost('kept_by_provider');
};

export const byCancel = (
  answer:
    | { readonly kind: 'cancelled' | 'absent' | 'code' | 'unknown' }
    | { readonly kind: 'early'; readonly retryAfterMs: number | undefined },
): Verdict => {
  switch (answer.kind) {
    case 'cancelled':
      return refunded('cancel_confirmed');
    case 'absent':
      return refunded('provider_forgot');
    case 'code':
      return lost('code_at_provider');
    case 'early':
      return { kind: 'wait', afterMs: answer.retryAfterMs };
    case 'unknown':
      return { kind: 'wait', afterMs: undefined };
  }
};

/** When to ask again, or that there is no use any more. */
export const askAgain = (claim: Claim, now: Date, afterMs: number | undefined, timing: ClaimTiming): Date | 'over' => {
  const overAt = addMs(claim.endedAt, timing.windowMs);
  if (now >= overAt) return 'over';
  const at = addMs(now, afterMs ?? Math.min(timing.firstMs * 2 ** Math.min(claim.attempts, 20), timing.maxMs));
  // The last question is asked at the very end.
  return at < overAt ? at : overAt;
};
