import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { type Attempt, isFinal, settlement } from '../../domain/payment.ts';
import type { BillingMonitor, Wake } from '../ports.ts';
import type { PaymentGateways, Payments } from './ports.ts';

export interface SettlePaymentDeps {
  readonly payments: Payments;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
  readonly wakeRefunds: Wake;
}

/** `open`: the gateway has not decided · `unknown`: it did not answer · `absent`: it does not know the attempt. */
export type SettleResult = 'settled' | 'open' | 'unknown' | 'absent';

/**
 * Asks the gateway's API how an attempt stands and acts on it: the one way by which money gets in, whatever caused it
 * (webhook, reconciliation, customer's return) and however often. The database lets the credit happen once.
 */
export const settlePayment =
  ({ payments, gateways, clock, monitor, wakeRefunds }: SettlePaymentDeps) =>
  async (attempt: Attempt): Promise<SettleResult> => {
    if (isFinal(attempt)) return 'settled';
    const gateway = gateways.get(attempt.gateway);
    if (gateway === undefined) return 'unknown';
    const answer = await gateway.verify({ reference: attempt.id, gatewayPaymentId: attempt.gatewayPaymentId });
    if (answer.outcome === 'unknown') {
      monitor.gatewayUnknown({ gateway: attempt.gateway, operation: 'verify', reason: answer.reason });
      return 'unknown';
    }
    if (answer.outcome === 'no') return 'absent';
    const decided = settlement(attempt, answer.statement);
    const settled = { paymentId: attempt.paymentId, gateway: attempt.gateway };
    const now = clock.now();
    const { gatewayPaymentId } = answer.statement;
    switch (decided.kind) {
      case 'none':
        return attempt.status === 'pending' ? 'open' : 'settled';
      case 'succeeded': {
        const result = await payments.succeed({ attempt, transferId: newId(), refundId: newId(), gatewayPaymentId, now });
        if (result === 'surplus') wakeRefunds();
        if (result !== 'none') monitor.paymentSettled({ ...settled, result: result === 'credited' ? 'succeeded' : result });
        return 'settled';
      }
      case 'failed':
      case 'mismatched':
        if (await payments.fail({ attempt, as: decided.kind, reason: decided.reason, now }))
          monitor.paymentSettled({ ...settled, result: decided.kind });
        return 'settled';
    }
  };
