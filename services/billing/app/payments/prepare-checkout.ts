import { addMs, type Clock } from '#platform/time/index.ts';
import type { Payment } from '../../domain/payment.ts';
import type { BillingMonitor } from '../ports.ts';
import type { PaymentGateways, Payments } from './ports.ts';

export interface PrepareCheckoutDeps {
  readonly payments: Payments;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
  readonly firstCheckMs: number;
}

/**
 * Makes the payment at the gateway, unless that is done. Safe to repeat at any time: the gateway's key is the payment's id.
 * @returns the payment with its checkout page, or failed when the gateway refused; undefined: unknown, repeat later
 */
export const prepareCheckout =
  ({ payments, gateways, clock, monitor, firstCheckMs }: PrepareCheckoutDeps) =>
  async (payment: Payment): Promise<Payment | undefined> => {
    if (payment.status !== 'pending' || payment.checkoutUrl !== '') return payment;
    const gateway = gateways.get(payment.gateway);
    if (gateway === undefined) return undefined;
    const answer = await gateway.start({ paymentId: payment.id, amount: payment.amount });
    const now = clock.now();
    switch (answer.outcome) {
      case 'unknown':
        monitor.gatewayUnknown({ gateway: payment.gateway, operation: 'start', reason: answer.reason });
        return undefined;
      case 'yes': {
        const { gatewayPaymentId, checkoutUrl } = answer;
        await payments.checkoutReady(payment.id, { gatewayPaymentId, checkoutUrl, nextCheckAt: addMs(now, firstCheckMs) });
        return { ...payment, gatewayPaymentId, checkoutUrl };
      }
      case 'no': {
        const failed = await payments.fail({ paymentId: payment.id, as: 'failed', reason: answer.reason, now });
        if (failed) monitor.paymentSettled({ paymentId: payment.id, gateway: payment.gateway, result: 'failed' });
        return (await payments.find(payment.tenantId, payment.id)) ?? payment;
      }
    }
  };
