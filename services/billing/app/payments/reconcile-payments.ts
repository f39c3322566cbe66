import { addMs, minuteMs } from '#platform/time/index.ts';
import { abandonedAfterMs, type Attempt, nextCheckDelayMs } from '../../domain/payment.ts';
import { prepareCheckout, type PrepareCheckoutDeps } from './prepare-checkout.ts';
import { settlePayment, type SettlePaymentDeps } from './settle-payment.ts';

const batchSize = 20;
const leaseMs = minuteMs;
const retryUnknownMs = minuteMs;

type ReconcileDeps = PrepareCheckoutDeps & SettlePaymentDeps;

/** Asks the gateways about pending attempts whose check is due. @returns how many were looked at */
export const reconcilePayments = (deps: ReconcileDeps) => async (): Promise<number> => {
  const now = deps.clock.now();
  const due = await deps.payments.claimDue(now, addMs(now, leaseMs), batchSize);
  await Promise.all(due.map((attempt) => reconcileOne(deps, attempt)));
  return due.length;
};

const reconcileOne = async (deps: ReconcileDeps, attempt: Attempt): Promise<void> => {
  const { payments, clock, firstCheckMs, monitor } = deps;
  const result = await settlePayment(deps)(attempt);
  if (result === 'settled') return;
  const now = clock.now();
  const ageMs = now.getTime() - attempt.createdAt.getTime();
  const fail = async (reason: string): Promise<void> => {
    if (await payments.fail({ attempt, as: 'failed', reason, now }))
      monitor.paymentSettled({ paymentId: attempt.paymentId, gateway: attempt.gateway, result: 'failed' });
  };
  // The gateway answered, and what it said is not a success: only then may time decide.
  if (result !== 'unknown' && ageMs >= abandonedAfterMs) return fail('Not paid in time.');
  if (result === 'unknown') return payments.schedule(attempt.id, addMs(now, retryUnknownMs), now);
  // Our first call may never have reached the gateway; its key makes this one safe. Where another attempt took over before
  // anybody was sent there, nobody will pay; a charge needs nobody, and ends as the gateway says once it is known there.
  const payment = await payments.find(attempt.tenantId, attempt.paymentId);
  const mayBePaid = attempt.charge === undefined ? attempt.checkoutUrl !== '' : result === 'open';
  if (!mayBePaid && payment?.attemptId !== attempt.id) return fail('Another gateway took over.');
  const prepared = await prepareCheckout(deps)(attempt.id);
  if (prepared.outcome === 'refused') return fail(prepared.reason);
  const delayMs = prepared.outcome === 'unknown' ? retryUnknownMs : nextCheckDelayMs(ageMs, firstCheckMs);
  await payments.schedule(attempt.id, addMs(now, delayMs), now);
};
