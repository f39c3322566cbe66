import { publicStatus } from '../../domain/state.ts';
import type { Observer } from '../ports.ts';
import type { BulkPorts } from './ports.ts';

/**
 * An observer that, besides, calls for a look at the batch of a number that has its end. Only to be quick: when the call fails or its
 * process dies, the batch is looked at a little later.
 */
export const callForBatch = (
  observer: Observer,
  { batches, clock, observer: bulk }: Pick<BulkPorts, 'batches' | 'clock' | 'observer'>,
): Observer => ({
  ...observer,
  reached: (verification) => {
    observer.reached(verification);
    const { fromHoldId, state } = verification;
    if (fromHoldId === undefined || publicStatus(state) === 'waiting') return;
    batches.callFor([fromHoldId], clock.now()).catch((error: unknown) => bulk.failedStep(verification.id, error));
  },
});
