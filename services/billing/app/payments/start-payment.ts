import { appError } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import { type Payment, paymentLimits } from '../../domain/payment.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkKey, refuseInvalid } from '../checks.ts';
import type { PaymentMethods } from './ports.ts';
import { prepareCheckout, type PrepareCheckoutDeps } from './prepare-checkout.ts';

export interface StartPaymentRequest {
  readonly idempotencyKey: string;
  readonly amount: Money;
  /** Empty: the platform chooses, and goes on to the next gateway when one refuses or does not answer. */
  readonly gateway: string;
  readonly saveMethod?: boolean;
  /** A saved method, charged at once and without a page; empty: a person pays on a page. */
  readonly paymentMethodId?: string;
}

export interface StartPaymentDeps extends PrepareCheckoutDeps {
  readonly methods: Pick<PaymentMethods, 'find'>;
}
export type StartPayment = ReturnType<typeof startPayment>;

/** A start whose answer was lost is tried again soon, by the caller with the same key or by the reconciliation. */
export const retryStartAfterMs = 30_000;

/**
 * Records the payment, then asks the gateway for the page where the customer pays. Repeated with the same key it is the
 * same payment, and the gateway is asked again only if its answer is still missing.
 * @throws request.invalid naming the field · request.idempotency_conflict · billing.gateway_unavailable (repeat with the same key)
 */
export const startPayment =
  (deps: StartPaymentDeps) =>
  async (tenantId: string, request: StartPaymentRequest, { topUp }: { readonly topUp?: bigint } = {}): Promise<Payment> => {
    const { payments, gateways, health, clock } = deps;
    const { idempotencyKey, amount, saveMethod = false, paymentMethodId = '' } = request;
    const method = paymentMethodId === '' ? undefined : await findMethod(deps, tenantId, request);
    const gateway = method?.gateway ?? request.gateway;
    const chosenHere = gateway === '';
    const able = health.choose(gateways, amount.currency);
    refuseInvalid(
      checkKey(idempotencyKey),
      check(chosenHere || gateways.has(gateway), 'gateway', `One of ${[...gateways.keys()].join(', ')}.`),
      check(
        chosenHere ? able.length > 0 : !gateways.has(gateway) || able.includes(gateway),
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
      request: canonicalRequest(
        'payment',
        amount.currency,
        amount.micros,
        gateway,
        ...(saveMethod ? ['save'] : []),
        ...(paymentMethodId ? [paymentMethodId] : []),
      ),
      id: newId(),
      gateway: chosenHere ? (able[0] ?? '') : gateway,
      saveMethod,
      paymentMethodId: method?.id,
      topUp,
      amount,
      now,
      nextCheckAt: addMs(now, retryStartAfterMs),
    });
    if (added.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    // Another top-up is under way, or was: this one is not needed, and asked for again if it is.
    if (added.outcome === 'under_way') throw appError('billing.gateway_unavailable', { retryAfterMs: 60_000 });
    return toCheckout(deps)(added.payment, chosenHere ? able : []);
  };

/**
 * The method as it is, or was when this key made its payment: that it is removed meanwhile changes nothing about what it paid.
 * @throws request.invalid when it is not the tenant's, or names another gateway
 */
const findMethod = async (
  { methods, payments }: StartPaymentDeps,
  tenantId: string,
  { idempotencyKey, paymentMethodId = '', gateway, saveMethod = false }: StartPaymentRequest,
) => {
  const find = async () => {
    const present = await methods.find(tenantId, paymentMethodId);
    if (present !== undefined) return present;
    const began = await payments.beganAt(tenantId, idempotencyKey);
    return began === undefined ? undefined : { id: paymentMethodId, gateway: began };
  };
  const method = isUuid(paymentMethodId) ? await find() : undefined;
  refuseInvalid(
    check(method !== undefined, 'payment_method_id', 'Is none of your payment methods.'),
    check(method === undefined || gateway === '' || gateway === method.gateway, 'gateway', 'Is not that of the payment method.'),
    check(!saveMethod, 'save_method', 'It is saved already.'),
  );
  return method;
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
        const outcome = await payments.addAttempt({
          id: newId(),
          tenantId,
          paymentId: id,
          gateway: next,
          idempotencyKey: `after:${attemptId}`,
          after: { attemptId, refused },
          now,
          nextCheckAt: addMs(now, retryStartAfterMs),
        });
        // No further attempt: it stays with this one.
        if (outcome !== 'exhausted') continue;
      }
      if (refused === undefined) throw appError('billing.gateway_unavailable', { retryAfterMs: 2_000 });
      const [attempt] = await payments.findAttempts([attemptId]);
      if (attempt !== undefined && (await payments.fail({ attempt, as: 'failed', reason: refused, now })))
        monitor.paymentSettled({ paymentId: id, gateway, result: 'failed' });
      return current();
    }
  };
