import { newId } from '#platform/ids/index.ts';
import { addMs, type Clock, minuteMs } from '#platform/time/index.ts';
import { nextRefundCheckMs, refundOnItsWayMs } from '../../domain/refund.ts';
import type { BillingMonitor } from '../ports.ts';
import type { ClaimedRefund, PaymentGateway, PaymentGateways, Refunds } from './ports.ts';

const batchSize = 20;
/** Longer than both calls may take; after it another process takes over. */
const leaseMs = 2 * minuteMs;

export interface ProcessRefundsDeps {
  readonly refunds: Refunds;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
}

/** Takes refunds to their gateways and learns what became of them. @returns how many were looked at */
export const processRefunds = (deps: ProcessRefundsDeps) => async (): Promise<number> => {
  const now = deps.clock.now();
  const claimed = await deps.refunds.claimDue(now, addMs(now, leaseMs), batchSize);
  await Promise.all(claimed.map((refund) => processOne(deps, refund)));
  return claimed.length;
};

const processOne = async (deps: ProcessRefundsDeps, refund: ClaimedRefund): Promise<void> => {
  const { refunds, gateways, clock, monitor } = deps;
  const gateway = gateways.get(refund.gateway);
  const answer =
    gateway === undefined ? ({ outcome: 'unknown', reason: 'not configured' } as const) : await ask(gateway, refund, clock.now());
  const now = clock.now();
  const later = addMs(now, nextRefundCheckMs(refund.tries));
  if (answer.outcome === 'unknown') {
    monitor.gatewayUnknown({ gateway: refund.gateway, operation: 'refund', reason: answer.reason });
    return refunds.postpone(refund.id, later, '');
  }
  if (answer.outcome === 'yes' && answer.status === 'pending') return refunds.postpone(refund.id, later, answer.gatewayRefundId);
  const succeeded = answer.outcome === 'yes' && answer.status === 'succeeded';
  const as = succeeded ? 'succeeded' : 'failed';
  const reason = succeeded ? '' : answer.outcome === 'no' ? answer.reason : 'The gateway could not give the money back.';
  const gatewayRefundId = answer.outcome === 'yes' ? answer.gatewayRefundId : '';
  if (await refunds.finish({ refund, as, gatewayRefundId, reason, returnedId: newId(), now }))
    monitor.refundSettled({ refundId: refund.id, gateway: refund.gateway, cause: refund.cause, result: as });
};

/** A call that may have been made before is looked for first: not every gateway knows keys. */
const ask = async (gateway: PaymentGateway, refund: ClaimedRefund, now: Date): ReturnType<PaymentGateway['refund']> => {
  const known = { reference: refund.attemptId, gatewayPaymentId: refund.gatewayPaymentId, refundId: refund.id };
  if (refund.tries > 1) {
    const found = await gateway.verifyRefund({ ...known, gatewayRefundId: refund.gatewayRefundId, requestedAt: refund.createdAt });
    // A refund that the gateway had confirmed and now does not know is not made a second time.
    if (found.outcome === 'no' && refund.gatewayRefundId !== '') return { outcome: 'unknown', reason: 'a refund that was known is not' };
    if (found.outcome !== 'no') return found;
    // Brought forward by a webhook, perhaps about another refund of the payment.
    if (refund.triedAt !== undefined && addMs(refund.triedAt, refundOnItsWayMs) > now)
      return { outcome: 'unknown', reason: 'its call may still be on its way' };
  }
  return gateway.refund({ ...known, amount: refund.amount });
};
