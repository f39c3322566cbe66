import type { Clock } from '#platform/time/index.ts';
import type { Wake } from '../ports.ts';
import type { UsageCharges } from './ports.ts';

/** New credit: what this tenant owes for usage is tried at once rather than at its next time. */
export const retryOwed =
  ({
    charges,
    clock,
    wakeCharging,
  }: {
    readonly charges: Pick<UsageCharges, 'wakeOwed'>;
    readonly clock: Clock;
    readonly wakeCharging: Wake;
  }) =>
  async (tenantId: string): Promise<void> => {
    if ((await charges.wakeOwed(tenantId, clock.now())) > 0) wakeCharging();
  };
