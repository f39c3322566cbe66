import { addMs, type Clock, dayMs } from '#platform/time/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import { eachByItself } from '../leaving-out.ts';
import type { BillingMonitor } from '../ports.ts';
import type { Disputes, PaymentGateways } from './ports.ts';

/** Card schemes give a customer 120 days, and a bank some more to decide. */
const lookBackMs = 240 * dayMs;

export interface FollowDisputesDeps {
  readonly disputes: Disputes;
  readonly gateways: PaymentGateways;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
}

/**
 * Learns from each gateway's list what is disputed and how it was decided; a webhook only makes this happen sooner, since not every
 * gateway sends one, and what it says is not believed. Harmless to repeat. One that cannot be recorded keeps no other from being learned.
 * @returns 0: there is never more to do at once
 * @throws the first thing that went wrong with a dispute, after all others; platform.* at once
 */
export const followDisputes =
  ({ disputes, gateways, clock, monitor }: FollowDisputesDeps) =>
  async (): Promise<number> => {
    await eachByItself(gateways, async ([name, gateway]) => {
      const now = clock.now();
      const answer = await gateway.listDisputes(addMs(now, -lookBackMs), now);
      if (answer.outcome === 'unknown') return monitor.gatewayUnknown({ gateway: name, operation: 'disputes', reason: answer.reason });
      await eachByItself(answer.disputes, async (statement) => {
        if (!isUuid(statement.reference)) return;
        const ids = { id: newId(), takenId: newId(), returnedId: newId() };
        const outcome = await disputes.record({ ...statement, ...ids, gateway: name, now });
        if (outcome !== undefined) monitor.disputed({ gateway: name, ...outcome });
      });
    });
    return 0;
  };
