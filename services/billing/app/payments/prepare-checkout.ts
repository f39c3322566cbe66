import { addMs, type Clock } from '#platform/time/index.ts';
import type { BillingMonitor } from '../ports.ts';
import type { GatewayHealth } from './gateway-health.ts';
import type { PaymentGateways, Payments } from './ports.ts';

export interface PrepareCheckoutDeps {
  readonly payments: Payments;
  readonly gateways: PaymentGateways;
  readonly health: GatewayHealth;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
  readonly firstCheckMs: number;
}

export type Prepared =
  | { readonly outcome: 'ready' }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'unknown' };

/**
 * Makes an attempt at its gateway, unless that is done. Safe to repeat at any time: the gateway's key is the attempt's id.
 * What a refusal does to the attempt is for the caller to decide.
 */
export const prepareCheckout =
  ({ payments, gateways, health, clock, monitor, firstCheckMs }: PrepareCheckoutDeps) =>
  async (attemptId: string): Promise<Prepared> => {
    const [attempt] = await payments.findAttempts([attemptId]);
    if (attempt === undefined) return { outcome: 'unknown' };
    if (attempt.status !== 'pending' || attempt.checkoutUrl !== '') return { outcome: 'ready' };
    const gateway = gateways.get(attempt.gateway);
    if (gateway === undefined) return { outcome: 'unknown' };
    const answer = await gateway.start({ reference: attempt.id, paymentId: attempt.paymentId, amount: attempt.amount });
    if (answer.outcome === 'unknown') {
      health.silent(attempt.gateway);
      monitor.gatewayUnknown({ gateway: attempt.gateway, operation: 'start', reason: answer.reason });
      return { outcome: 'unknown' };
    }
    health.answered(attempt.gateway);
    if (answer.outcome === 'no') return { outcome: 'refused', reason: answer.reason };
    const { gatewayPaymentId, checkoutUrl } = answer;
    await payments.checkoutReady(attempt.id, { gatewayPaymentId, checkoutUrl, nextCheckAt: addMs(clock.now(), firstCheckMs) });
    return { outcome: 'ready' };
  };
