import type { Clock } from '#platform/time/index.ts';
import type { Wake } from '../ports.ts';
import type { UsageCharges } from './ports.ts';

/**
 * Another plan includes and costs something else: what was used in the period that it changed in is rated anew, also when nothing more is used.
 * @param since when it changed; the period may be over when that becomes known
 */
export const followPlan =
  ({
    charges,
    clock,
    wakeCharging,
  }: {
    readonly charges: Pick<UsageCharges, 'wakeRunning'>;
    readonly clock: Clock;
    readonly wakeCharging: Wake;
  }) =>
  async (tenantId: string, since: Date): Promise<void> => {
    if ((await charges.wakeRunning(tenantId, since, clock.now())) > 0) wakeCharging();
  };
