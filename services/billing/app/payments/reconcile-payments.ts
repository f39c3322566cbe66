import { addMs, minuteMs } from '#platform/time/index.ts';
import { abandonedAfterMs, nextCheckDelayMs, type Payment } from '../../domain/payment.ts';
import { prepareCheckout, type PrepareCheckoutDeps } from './prepare-checkout.ts';
import { settlePayment } from './settle-payment.ts';

const batchSize = 20;
const leaseMs = minuteMs;
const retryUnknownMs = minuteMs;

/** Asks the gateways about pending payments whose check is due. @returns how many were looked at */
export const reconcilePayments = (deps: PrepareCheckoutDeps) => async (): Promise<number> => {
  const now = deps.clock.now();
  const due = await deps.payments.claimDue(now, addMs(now, leaseMs), batchSize);
  await Promise.all(due.map((payment) => reconcileOne(deps, payment)));
  return due.length;
};

const reconcileOne = async (deps: PrepareCheckoutDeps, payment: Payment): Promise<void> => {
  const { payments, clock, firstCheckMs, monitor } = deps;
  const result = await settlePayment(deps)(payment);
  if (result === 'settled') return;
  const now = clock.now();
  const ageMs = now.getTime() - payment.createdAt.getTime();
  // The gateway answered, and what it said is not a success: only then may time decide.
  if (result !== 'unknown' && ageMs >= abandonedAfterMs) {
    const failed = await payments.fail({ paymentId: payment.id, as: 'failed', reason: 'Not paid in time.', now });
    if (failed) monitor.paymentSettled({ paymentId: payment.id, gateway: payment.gateway, result: 'failed' });
    return;
  }
  // Our first call may never have reached the gateway; its key makes this one safe.
  const prepared = result === 'unknown' ? payment : await prepareCheckout(deps)(payment);
  const delayMs = result === 'unknown' || prepared === undefined ? retryUnknownMs : nextCheckDelayMs(ageMs, firstCheckMs);
  await payments.schedule(payment.id, addMs(now, delayMs), now);
};
