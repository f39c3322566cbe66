import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import { type Payment, paymentLimits } from '../../domain/payment.ts';
import { check, checkKey, refuseInvalid } from '../checks.ts';
import type { BillingMonitor } from '../ports.ts';
import type { PaymentGateways, Payments } from './ports.ts';
import { prepareCheckout } from './prepare-checkout.ts';
import { canonicalRequest } from '../canonical-request.ts';

export interface StartPaymentRequest {
  readonly idempotencyKey: string;
  readonly amount: Money;
  readonly gateway: string;
}

export interface StartPaymentDeps {
  readonly payments: Payments;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
  readonly firstCheckMs: number;
}

/** A start whose answer was lost is tried again soon, by the caller with the same key or by the reconciliation. */
const retryStartAfterMs = 30_000;

/**
 * Records the payment, then asks the gateway for the page where the customer pays. Repeated with the same key it is the
 * same payment, and the gateway is asked again only if its answer is still missing.
 * @throws request.invalid naming the field · request.idempotency_conflict · billing.gateway_unavailable (repeat with the same key)
 */
export const startPayment =
  (deps: StartPaymentDeps) =>
  async (tenantId: string, { idempotencyKey, amount, gateway }: StartPaymentRequest): Promise<Payment> => {
    const { payments, gateways, clock } = deps;
    const found = gateways.get(gateway);
    refuseInvalid(
      checkKey(idempotencyKey),
      check(found !== undefined, 'gateway', `One of ${[...gateways.keys()].join(', ')}.`),
      check(
        found === undefined || found.currencies.includes(amount.currency),
        'amount.currency',
        `One of ${found?.currencies.join(', ')}.`,
      ),
      check(amount.micros >= paymentLimits.minMicros && amount.micros <= paymentLimits.maxMicros, 'amount', 'From 1.00 to 10,000.00.'),
      check(amount.micros % paymentLimits.stepMicros === 0n, 'amount', 'Whole cents only.'),
    );
    const now = clock.now();
    const added = await payments.add({
      tenantId,
      idempotencyKey,
      request: canonicalRequest('payment', amount.currency, amount.micros, gateway),
      id: newId(),
      gateway,
      amount,
      now,
      nextCheckAt: addMs(now, retryStartAfterMs),
    });
    if (added.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    const payment = await prepareCheckout(deps)(added.payment);
    if (payment === undefined) throw appError('billing.gateway_unavailable', { retryAfterMs: 2_000 });
    return payment;
  };
