import type { Clock } from '#platform/time/index.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldSettlement } from './ports.ts';

export interface Charge {
  readonly tenantId: string;
  readonly holdId: string;
  /** Everything that is due for this hold so far, not a difference. */
  readonly upToMicros: bigint;
  /** True: nothing more will be due; the rest of the hold is given back. */
  readonly final: boolean;
}

/**
 * Something was delivered on a hold: charge up to the total that is due. First from the hold; what the hold cannot give
 * (it expired, was given back or was too small) from the free balance; what is left is recorded as uncollected.
 * @returns false when there is no such hold
 */
export const collectCharge =
  ({ holds, clock, monitor }: { readonly holds: HoldSettlement; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async ({ tenantId, holdId, upToMicros, final }: Charge): Promise<boolean> => {
    const collection = await holds.collect({ tenantId, holdId, upToMicros, final, now: clock.now() });
    if (collection === undefined) return false;
    const { hold, late } = collection;
    if (late.owedMicros > 0n) monitor.uncollected({ tenantId, holdId, product: hold.product, owedMicros: late.owedMicros });
    return true;
  };
