import type { Clock } from '#platform/time/index.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldFact, HoldSettlement } from './ports.ts';

/** What a service tells about a hold that it placed. */
export type Delivery = { readonly tenantId: string; readonly holdId: string } & (
  | {
      readonly kind: 'charged';
      /** Everything that is due for this hold so far, not a difference. */
      readonly upToMicros: bigint;
      /** True: nothing more will be due; the rest of the hold is given back. */
      readonly final: boolean;
    }
  | { readonly kind: 'nothing_delivered' }
);

/**
 * Settles holds by what was delivered on them. A charge is taken first from the hold; what the hold cannot give (it expired, was
 * given back or was too small) from the free balance; what is left is recorded as uncollected. Repetition and
 * reordering change nothing.
 * @returns for each delivery whether its hold exists
 */
export const settleHolds =
  ({ holds, clock, monitor }: { readonly holds: HoldSettlement; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (deliveries: readonly Delivery[]): Promise<readonly boolean[]> => {
    const now = clock.now();
    const settled = await holds.settle(deliveries.map((delivery) => factOf(delivery, now)));
    return settled.map((answer, at) => {
      const { tenantId = '', holdId = '' } = deliveries[at] ?? {};
      if (!answer.found) return false;
      const { collection } = answer;
      if (collection !== undefined && collection.late.owedMicros > 0n)
        monitor.uncollected({ tenantId, holdId, product: collection.hold.product, owedMicros: collection.late.owedMicros });
      return true;
    });
  };

const factOf = (delivery: Delivery, now: Date): HoldFact => {
  const { tenantId, holdId } = delivery;
  switch (delivery.kind) {
    case 'charged':
      return { kind: 'collect', tenantId, holdId, now, upToMicros: delivery.upToMicros, final: delivery.final };
    case 'nothing_delivered':
      return { kind: 'give_back', tenantId, holdId, now };
  }
};
