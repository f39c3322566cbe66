import type { Clock } from '#platform/time/index.ts';
import type { Wake } from '../ports.ts';
import type { UsageCharges } from './ports.ts';

/** Another plan includes and costs something else: what was used in the running period is rated anew, also when nothing more is used. */
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
  async (tenantId: string): Promise<void> => {
    if ((await charges.wakeRunning(tenantId, clock.now())) > 0) wakeCharging();
  };
