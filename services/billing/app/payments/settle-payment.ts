import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { type Payment, settlement } from '../../domain/payment.ts';
import type { BillingMonitor } from '../ports.ts';
import type { PaymentGateways, Payments } from './ports.ts';

export interface SettlePaymentDeps {
  readonly payments: Payments;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
}

/** `open`: the gateway has not decided · `unknown`: it did not answer · `absent`: it does not know the payment. */
export type SettleResult = 'settled' | 'open' | 'unknown' | 'absent';

/**
 * Asks the gateway's API how a payment stands and acts on it: the one way by which money gets in, whatever caused it
 * (webhook, reconciliation, customer's return) and however often. The database lets the credit happen once.
 */
export const settlePayment =
  ({ payments, gateways, clock, monitor }: SettlePaymentDeps) =>
  async (payment: Payment): Promise<SettleResult> => {
    if (payment.status === 'succeeded' || payment.status === 'mismatched') return 'settled';
    const gateway = gateways.get(payment.gateway);
    if (gateway === undefined) return 'unknown';
    const answer = await gateway.verify({ paymentId: payment.id, gatewayPaymentId: payment.gatewayPaymentId });
    if (answer.outcome === 'unknown') {
      monitor.gatewayUnknown({ gateway: payment.gateway, operation: 'verify', reason: answer.reason });
      return 'unknown';
    }
    if (answer.outcome === 'no') return 'absent';
    const decided = settlement(payment, answer.statement);
    const paymentId = payment.id;
    const now = clock.now();
    const { gatewayPaymentId } = answer.statement;
    switch (decided.kind) {
      case 'none':
        return payment.status === 'pending' ? 'open' : 'settled';
      case 'succeeded':
        if (await payments.succeed({ paymentId, transferId: newId(), gatewayPaymentId, now }))
          monitor.paymentSettled({ paymentId, gateway: payment.gateway, result: 'succeeded' });
        return 'settled';
      case 'failed':
      case 'mismatched':
        if (await payments.fail({ paymentId, as: decided.kind, reason: decided.reason, now }))
          monitor.paymentSettled({ paymentId, gateway: payment.gateway, result: decided.kind });
        return 'settled';
    }
  };
