import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { paymentLimits } from '../../domain/payment.ts';
import type { Refund } from '../../domain/refund.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkAmount, checkKey, checkText, refuseInvalid, requireId } from '../checks.ts';
import type { Wake } from '../ports.ts';
import type { Refunds } from './ports.ts';

export interface RequestRefundRequest {
  readonly idempotencyKey: string;
  readonly paymentId: string;
  /** Absent: what is left of the payment. */
  readonly amount: Money | undefined;
  readonly reason: string;
}

/**
 * Gives a payment back through its gateway, whole or in part: the wallet is debited at once, of paid credit that is neither spent nor
 * held; the gateway is asked after that, and what it refuses comes back to the wallet.
 * @throws request.invalid · request.not_found · request.idempotency_conflict · billing.payment_not_paid ·
 * billing.refund_exceeds_payment · billing.insufficient_credit
 */
export const requestRefund =
  ({ refunds, clock, wakeRefunds }: { readonly refunds: Refunds; readonly clock: Clock; readonly wakeRefunds: Wake }) =>
  async (
    tenantId: string,
    by: { readonly cause: 'customer' | 'operator'; readonly subject: string },
    { idempotencyKey, paymentId, amount, reason }: RequestRefundRequest,
  ): Promise<Refund> => {
    refuseInvalid(
      checkKey(idempotencyKey),
      checkText(reason, 'reason', 500),
      amount === undefined ? undefined : checkAmount(amount),
      check(amount === undefined || amount.micros % paymentLimits.stepMicros === 0n, 'amount', 'Whole cents only.'),
    );
    requireId(paymentId);
    const asked = amount === undefined ? 'rest' : `${amount.currency} ${amount.micros}`;
    const answer = await refunds.request({
      tenantId,
      idempotencyKey,
      request: canonicalRequest('payment_refund', paymentId, asked, reason),
      id: newId(),
      transferId: newId(),
      paymentId,
      amount,
      cause: by.cause,
      reason,
      requestedBy: by.subject,
      now: clock.now(),
    });
    switch (answer.outcome) {
      case 'not_found':
        throw appError('request.not_found');
      case 'idempotency_conflict':
        throw appError('request.idempotency_conflict');
      case 'not_paid':
        throw appError('billing.payment_not_paid');
      case 'exceeds':
        throw appError('billing.refund_exceeds_payment');
      case 'insufficient':
        throw appError('billing.insufficient_credit');
      case 'done':
      case 'replayed':
        wakeRefunds();
        return answer.refund;
    }
  };
