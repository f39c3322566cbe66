import { addMs, type Clock } from '#platform/time/index.ts';
import type { Attempt } from '../../domain/payment.ts';
import type { BillingMonitor } from '../ports.ts';
import type { GatewayHealth } from './gateway-health.ts';
import type { PaymentGateway, PaymentGateways, Payments, Refused, Unknown } from './ports.ts';

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

/** At a charge without a page. */
const firstLookMs = 1_000;

/**
 * Makes an attempt at its gateway, unless that is done. Safe to repeat at any time: the gateway's key is the attempt's id.
 * What a refusal does to the attempt is for the caller to decide.
 */
export const prepareCheckout =
  ({ payments, gateways, health, clock, monitor, firstCheckMs }: PrepareCheckoutDeps) =>
  async (attemptId: string): Promise<Prepared> => {
    const [attempt] = await payments.findAttempts([attemptId]);
    if (attempt === undefined) return { outcome: 'unknown' };
    // A charge has no page; that it was made is known by the gateway's id of it.
    const made = attempt.charge === undefined ? attempt.checkoutUrl : attempt.gatewayPaymentId;
    if (attempt.status !== 'pending' || made !== '') return { outcome: 'ready' };
    const gateway = gateways.get(attempt.gateway);
    if (gateway === undefined) return { outcome: 'unknown' };
    if (attempt.charge !== undefined && attempt.charge.token === undefined)
      return { outcome: 'refused', reason: 'The payment method was removed.' };
    const answer = await ask(gateway, attempt);
    if (answer.outcome === 'unknown') {
      health.silent(attempt.gateway);
      monitor.gatewayUnknown({ gateway: attempt.gateway, operation: 'start', reason: answer.reason });
      return { outcome: 'unknown' };
    }
    health.answered(attempt.gateway);
    if (answer.outcome === 'no') return { outcome: 'refused', reason: answer.reason };
    const { gatewayPaymentId, checkoutUrl } = answer;
    // Nobody goes to a page, so the gateway has decided soon.
    const nextCheckAt = addMs(clock.now(), attempt.charge === undefined ? firstCheckMs : firstLookMs);
    await payments.checkoutReady(attempt.id, { gatewayPaymentId, checkoutUrl, nextCheckAt });
    return { outcome: 'ready' };
  };

type Asked = { readonly outcome: 'yes'; readonly gatewayPaymentId: string; readonly checkoutUrl: string } | Refused | Unknown;

const ask = async (gateway: PaymentGateway, { id: reference, paymentId, amount, saveMethod, charge }: Attempt): Promise<Asked> => {
  if (charge?.token === undefined) return gateway.start({ reference, paymentId, amount, saveMethod });
  const answer = await gateway.charge({ reference, amount, token: charge.token });
  return answer.outcome === 'yes' ? { ...answer, checkoutUrl: '' } : answer;
};
