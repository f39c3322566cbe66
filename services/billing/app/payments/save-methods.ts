import { newId } from '#platform/ids/index.ts';
import { addMs, type Clock, minuteMs } from '#platform/time/index.ts';
import type { BillingMonitor } from '../ports.ts';
import type { PaymentGateways, PaymentMethods } from './ports.ts';

const batchSize = 20;
const leaseMs = minuteMs;

export interface SaveMethodsDeps {
  readonly methods: PaymentMethods;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
}

/** Asks gateways for the cards that customers wanted to be kept at a payment. @returns how many were looked at */
export const saveMethods =
  ({ methods, gateways, clock, monitor }: SaveMethodsDeps) =>
  async (): Promise<number> => {
    const now = clock.now();
    const due = await methods.claimDue(now, addMs(now, leaseMs), batchSize);
    await Promise.all(
      due.map(async ({ paymentId, gateway: name, reference, gatewayPaymentId }) => {
        const answer = (await gateways.get(name)?.savedCard({ reference, gatewayPaymentId })) ?? {
          outcome: 'unknown',
          reason: 'not configured',
        };
        if (answer.outcome === 'yes') return methods.save({ paymentId, id: newId(), card: answer.card, now: clock.now() });
        // Some ways to pay cannot be charged again.
        if (answer.outcome === 'no') return methods.giveUp(paymentId);
        return monitor.gatewayUnknown({ gateway: name, operation: 'saved_card', reason: answer.reason });
      }),
    );
    return due.length;
  };
