import { formatDecimal, type Money } from '#platform/money/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Attempt } from './payment.ts';
import type { Refund } from './refund.ts';

/** One line of what a gateway says it did. */
export interface StatementLine {
  readonly kind: 'payment' | 'refund';
  readonly gatewayId: string;
  /** The attempt that it belongs to, as we named it to the gateway; anything else is not about us. */
  readonly reference: string;
  readonly amount: Money;
  readonly at: Date;
}

/** Where the gateway's account and our books say different things. */
export interface StatementFinding {
  readonly finding:
    | 'paid_not_credited'
    | 'credited_not_paid'
    | 'other_amount'
    | 'payment_not_ours'
    | 'refund_not_ours'
    | 'refunded_not_recorded'
    | 'recorded_not_refunded';
  /** The attempt's id, or the gateway's id of a refund. */
  readonly reference: string;
  readonly expected: string;
  readonly found: string;
}

/** What both sides say about one stretch of time. */
export interface Books {
  /** Those of the gateway's lines that must be in our books, and all that may stand for something of ours. */
  readonly lines: { readonly due: readonly StatementLine[]; readonly all: readonly StatementLine[] };
  /** Ours that must be in the statement, and all that its lines may name. */
  readonly attempts: { readonly due: readonly Attempt[]; readonly named: readonly Attempt[] };
  readonly refunds: { readonly due: readonly Refund[]; readonly named: readonly Refund[] };
}

const text = ({ currency, micros }: Money): string => `${formatDecimal(micros)} ${currency}`;
const same = (a: Money, b: Money): boolean => a.currency === b.currency && a.micros === b.micros;
const nothing = 'nothing';

/**
 * Compares both ways: whatever the gateway took or gave back must be known to us as such, and whatever we credited or gave back must be
 * in the gateway's account. Other money than was asked for (`mismatched`) has an alert of its own and is no finding here.
 */
export const compareBooks = ({ lines, attempts, refunds }: Books): readonly StatementFinding[] => {
  const attemptOf = new Map(attempts.named.map((attempt) => [attempt.id, attempt]));
  const refundOf = new Map(refunds.named.map((refund) => [refund.gatewayRefundId, refund]));
  const paid = new Set(lines.all.filter(({ kind }) => kind === 'payment').map(({ reference }) => reference));
  const givenBack = new Set(lines.all.filter(({ kind }) => kind === 'refund').map(({ gatewayId }) => gatewayId));
  return [
    ...lines.due.filter(({ reference }) => isUuid(reference)).flatMap((line) => judge(line, attemptOf, refundOf)),
    ...attempts.due
      .filter(({ id }) => !paid.has(id))
      .map(({ id, amount }): StatementFinding => ({ finding: 'credited_not_paid', reference: id, expected: text(amount), found: nothing })),
    ...refunds.due
      .filter(({ gatewayRefundId }) => !givenBack.has(gatewayRefundId))
      .map(({ gatewayRefundId, amount }): StatementFinding => ({
        finding: 'recorded_not_refunded',
        reference: gatewayRefundId,
        expected: text(amount),
        found: nothing,
      })),
  ];
};

const judge = (
  { kind, gatewayId, reference, amount }: StatementLine,
  attempts: ReadonlyMap<string, Attempt>,
  refunds: ReadonlyMap<string, Refund>,
): readonly StatementFinding[] => {
  const is = (finding: StatementFinding['finding'], id: string, expected: string): readonly StatementFinding[] => [
    { finding, reference: id, expected, found: text(amount) },
  ];
  if (kind === 'refund') {
    const refund = refunds.get(gatewayId);
    if (refund === undefined) return is('refund_not_ours', gatewayId, nothing);
    if (refund.status === 'failed') return is('refunded_not_recorded', gatewayId, refund.status);
    return same(refund.amount, amount) ? [] : is('other_amount', gatewayId, text(refund.amount));
  }
  const attempt = attempts.get(reference);
  if (attempt === undefined) return is('payment_not_ours', reference, nothing);
  if (attempt.status === 'mismatched') return [];
  if (attempt.status === 'pending' || attempt.status === 'failed') return is('paid_not_credited', reference, attempt.status);
  return same(attempt.amount, amount) ? [] : is('other_amount', reference, text(attempt.amount));
};
