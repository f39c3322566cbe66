import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Attempt } from '../../domain/payment.ts';
import type { BillingMonitor } from '../ports.ts';
import type { PaymentGateways, Refunds } from './ports.ts';

export interface RecheckRefundsDeps {
  readonly refunds: Pick<Refunds, 'done' | 'sendBack'>;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
}

/**
 * A customer's bank may send a refund back days after the gateway had done it (a card that is closed): then the customer has the credit again.
 * @returns false when the gateway did not answer
 */
export const recheckRefunds =
  ({ refunds, gateways, clock, monitor }: RecheckRefundsDeps) =>
  async (attempt: Attempt): Promise<boolean> => {
    const gateway = gateways.get(attempt.gateway);
    if (gateway === undefined) return false;
    for (const refund of await refunds.done(attempt.id)) {
      const { id: refundId, gatewayPaymentId, gatewayRefundId, createdAt: requestedAt, cause } = refund;
      const answer = await gateway.verifyRefund({ reference: attempt.id, gatewayPaymentId, refundId, gatewayRefundId, requestedAt });
      if (answer.outcome === 'unknown') {
        monitor.gatewayUnknown({ gateway: attempt.gateway, operation: 'refund', reason: answer.reason });
        return false;
      }
      if (answer.outcome === 'no' || answer.status !== 'failed') continue;
      const reason = "The customer's bank sent the money back.";
      if (await refunds.sendBack({ refund, reason, returnedId: newId(), now: clock.now() }))
        monitor.refundSettled({ refundId, gateway: attempt.gateway, cause, result: 'failed' });
    }
    return true;
  };
