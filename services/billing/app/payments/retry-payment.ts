import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs } from '#platform/time/index.ts';
import type { Payment } from '../../domain/payment.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkKey, refuseInvalid, requireId } from '../checks.ts';
import type { PrepareCheckoutDeps } from './prepare-checkout.ts';
import { retryStartAfterMs, toCheckout } from './start-payment.ts';

export interface RetryPaymentRequest {
  readonly idempotencyKey: string;
  readonly id: string;
  /** Empty: another one than before where there is one. */
  readonly gateway: string;
}

/**
 * Another attempt at a payment that is not paid, perhaps at another gateway. The attempts before it may still succeed: the first
 * success is credited, each further one is given back.
 * @throws request.invalid · request.not_found · request.idempotency_conflict · billing.payment_settled · billing.gateway_unavailable
 */
export const retryPayment =
  (deps: PrepareCheckoutDeps) =>
  async (tenantId: string, { idempotencyKey, id, gateway }: RetryPaymentRequest): Promise<Payment> => {
    const { payments, gateways, health, clock } = deps;
    requireId(id);
    const payment = await payments.find(tenantId, id);
    if (payment === undefined) throw appError('request.not_found');
    const able = health.choose(gateways, payment.amount.currency);
    refuseInvalid(checkKey(idempotencyKey), check(gateway === '' || able.includes(gateway), 'gateway', `One of ${able.join(', ')}.`));
    const chosen = gateway || (able.find((name) => name !== payment.gateway) ?? payment.gateway);
    const now = clock.now();
    const nextCheckAt = addMs(now, retryStartAfterMs);
    // A prefix of our own, so that no caller's key meets those of the fail-over.
    const key = `retry:${idempotencyKey}`;
    const outcome = await payments.addAttempt({
      id: newId(),
      tenantId,
      paymentId: id,
      gateway: chosen,
      idempotencyKey: key,
      request: canonicalRequest('retry', gateway),
      now,
      nextCheckAt,
    });
    switch (outcome) {
      case 'not_found':
        throw appError('request.not_found');
      case 'idempotency_conflict':
        throw appError('request.idempotency_conflict');
      case 'settled':
      case 'exhausted':
        throw appError('billing.payment_settled');
      case 'done':
      case 'replayed':
        return toCheckout(deps)((await payments.find(tenantId, id)) ?? payment, []);
    }
  };
