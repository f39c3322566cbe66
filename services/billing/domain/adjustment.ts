/** What those who run the platform do to a wallet by hand. */
export const adjustmentReasons = ['goodwill', 'correction', 'service_failure', 'fraud', 'chargeback', 'write_off'] as const;
export type AdjustmentReason = (typeof adjustmentReasons)[number];
export const isAdjustmentReason = (value: string): value is AdjustmentReason => (adjustmentReasons as readonly string[]).includes(value);

/** proposed: waits for a second operator, until `expiresAt`. The other three are final. */
export type AdjustmentStatus = 'proposed' | 'posted' | 'rejected' | 'expired';

export interface Adjustment {
  readonly id: string;
  readonly tenantId: string;
  readonly currency: string;
  /** Negative: a debit. */
  readonly amountMicros: bigint;
  readonly reason: AdjustmentReason;
  readonly note: string;
  readonly status: AdjustmentStatus;
  /** Of a refund: the charge that it gives back. */
  readonly refundOf: string | undefined;
  readonly proposedBy: string;
  readonly proposedAt: Date;
  readonly expiresAt: Date;
  /** Undefined of what needed no second operator. */
  readonly decidedBy: string | undefined;
  readonly decisionNote: string;
  readonly decidedAt: Date | undefined;
  readonly transferId: string | undefined;
  readonly version: bigint;
}

const size = (micros: bigint): bigint => (micros < 0n ? -micros : micros);

/**
 * Many small ones are one large one: what counts is everything that the operator has done to the tenant alone within a day.
 * @param recentMicros sizes of what the same operator posted for this tenant without a second one in the last 24 hours
 */
export const needsSecondOperator = (amountMicros: bigint, recentMicros: bigint, limitMicros: bigint): boolean =>
  size(amountMicros) + recentMicros > limitMicros;

export type Verdict = 'may_decide' | 'repeated' | 'own' | 'expired' | 'decided';

/** May `by` approve or reject it now? repeated: he has done just that before. */
export const judgeDecision = (
  { status, proposedBy, decidedBy, expiresAt }: Pick<Adjustment, 'status' | 'proposedBy' | 'decidedBy' | 'expiresAt'>,
  decision: 'posted' | 'rejected',
  by: string,
  now: Date,
): Verdict => {
  if (status === decision && decidedBy === by) return 'repeated';
  if (status !== 'proposed') return 'decided';
  if (expiresAt <= now) return 'expired';
  // Taking one's own proposal back harms nobody; approving it would make the second operator the first.
  return decision === 'posted' && proposedBy === by ? 'own' : 'may_decide';
};
