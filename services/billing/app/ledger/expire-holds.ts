import type { Clock } from '#platform/time/index.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldSweep } from './ports.ts';

const batchSize = 200;
/** Bounds one run, so that a long backlog does not keep a stopping process. */
const maxBatches = 50;

/** Gives back every hold whose time has come, in batches. Safe beside other replicas. @returns how many */
export const expireHolds =
  ({ holds, clock, monitor }: { readonly holds: HoldSweep; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (): Promise<number> => {
    let total = 0;
    for (let batch = 0; batch < maxBatches; batch++) {
      const expired = await holds.expireDue(clock.now(), batchSize);
      total += expired;
      if (expired < batchSize) break;
    }
    if (total > 0) monitor.holdsExpired(total);
    return total;
  };
