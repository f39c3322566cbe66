import type { Money } from '#platform/money/index.ts';
import { minuteMs } from '#platform/time/index.ts';

/** `surplus`: a second success of a payment, which never became credit. */
export type RefundCause = 'customer' | 'operator' | 'surplus';
export type RefundStatus = 'pending' | 'succeeded' | 'failed';

/** Money on its way back through the gateway that it came by. */
export interface Refund {
  readonly id: string;
  readonly tenantId: string;
  readonly paymentId: string;
  /** What the gateway knows the payment by. */
  readonly attemptId: string;
  readonly gateway: string;
  readonly gatewayPaymentId: string;
  readonly cause: RefundCause;
  readonly amount: Money;
  readonly reason: string;
  readonly requestedBy: string;
  readonly status: RefundStatus;
  readonly gatewayRefundId: string;
  readonly failureReason: string;
  readonly createdAt: Date;
  readonly settledAt: Date | undefined;
}

/** So long a call whose answer is missing may still be on its way: before that a refund is looked for, not made again. */
export const refundOnItsWayMs = minuteMs;

/**
 * How long until a gateway is asked again about a refund: soon while it processes, ever more rarely, at most every six hours. After
 * an answer that was lost, never at once: the call may still be on its way there.
 */
export const nextRefundCheckMs = (tries: number): number => Math.min(refundOnItsWayMs * 2 ** Math.max(tries - 1, 0), 360 * minuteMs);
