import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import { type Payment, paymentLimits } from '../../domain/payment.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkKey, refuseInvalid } from '../checks.ts';
import { prepareCheckout, type PrepareCheckoutDeps } from './prepare-checkout.ts';

export interface StartPaymentRequest {
  readonly idempotencyKey: string;
  readonly amount: Money;
  /** Empty: the platform chooses, and goes on to the next gateway when one refuses or does not answer. */
  readonly gateway: string;
}

/** A start whose answer was lost is tried again soon, by the caller with the same key or by the reconciliation. */
export const retryStartAfterMs = 30_000;

/**
 * Records the payment, then asks the gateway for the page where the customer pays. Repeated with the same key it is the
 * same payment, and the gateway is asked again only if its answer is still missing.
 * @throws request.invalid naming the field · request.idempotency_conflict · billing.gateway_unavailable (repeat with the same key)
 */
export const startPayment =
  (deps: PrepareCheckoutDeps) =>
  async (tenantId: string, { idempotencyKey, amount, gateway }: StartPaymentRequest): Promise<Payment> => {
    const { payments, gateways, health, clock } = deps;
    const automatic = gateway === '';
    const able = health.choose(gateways, amount.currency);
    refuseInvalid(
      checkKey(idempotencyKey),
      check(automatic || gateways.has(gateway), 'gateway', `One of ${[...gateways.keys()].join(', ')}.`),
      check(
        automatic ? able.length > 0 : !gateways.has(gateway) || able.includes(gateway),
        'amount.currency',
        `One of ${currenciesOf(deps, gateway).join(', ')}.`,
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
      gateway: automatic ? (able[0] ?? '') : gateway,
      amount,
      now,
      nextCheckAt: addMs(now, retryStartAfterMs),
    });
    if (added.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    return toCheckout(deps)(added.payment, automatic ? able : []);
  };

const currenciesOf = ({ gateways }: PrepareCheckoutDeps, gateway: string): readonly string[] => [
  ...new Set([...gateways.values()].filter(({ name }) => gateway === '' || name === gateway).flatMap(({ currencies }) => currencies)),
];

/**
 * Brings a payment's current attempt to its page. While nobody has been sent to a gateway, `others` may be tried in turn: one that
 * refused has failed; one that was silent may yet succeed, and then counts like any late success.
 * @throws billing.gateway_unavailable
 */
export const toCheckout =
  (deps: PrepareCheckoutDeps) =>
  async (payment: Payment, others: readonly string[]): Promise<Payment> => {
    const { payments, clock, monitor } = deps;
    const { tenantId, id } = payment;
    const current = async (): Promise<Payment> => (await payments.find(tenantId, id)) ?? payment;
    for (let shown = payment; ; shown = await current()) {
      if (shown.status !== 'pending') return shown;
      const { attemptId, gateway } = shown;
      const prepared = await prepareCheckout(deps)(attemptId);
      if (prepared.outcome === 'ready') return current();
      const refused = prepared.outcome === 'refused' ? prepared.reason : undefined;
      const tried = new Set((await payments.attempts(tenantId, id)).map((attempt) => attempt.gateway));
      const next = others.find((name) => !tried.has(name));
      const now = clock.now();
      if (next !== undefined) {
        const after = { attemptId, refused };
        const nextCheckAt = addMs(now, retryStartAfterMs);
        await payments.addAttempt({
          id: newId(),
          tenantId,
          paymentId: id,
          gateway: next,
          idempotencyKey: `after:${attemptId}`,
          after,
          now,
          nextCheckAt,
        });
        continue;
      }
      if (refused === undefined) throw appError('billing.gateway_unavailable', { retryAfterMs: 2_000 });
      const [attempt] = await payments.findAttempts([attemptId]);
      if (attempt !== undefined && (await payments.fail({ attempt, as: 'failed', reason: refused, now })))
        monitor.paymentSettled({ paymentId: id, gateway, result: 'failed' });
      return current();
    }
  };
