import { addMs, dayMs } from '#platform/time/index.ts';
import type { Verification } from '../domain/verification.ts';
import { awaitAnother } from './another/await-another.ts';
import { looksMs } from '../domain/timing.ts';
import { checkActivation } from './check-activation.ts';
import { deliverOrphans } from './deliver-orphans.ts';
import { finishActivation } from './finish-activation.ts';
import type { Ports } from './ports.ts';
import { reconcilePurchase } from './reconcile-purchase.ts';
import { recoverPurchase } from './recover-purchase.ts';
import { settleCancellation } from './settle-cancellation.ts';

/** How long a push may wait for its purchase before it is forgotten. */
const orphanLifeMs = dayMs;

/**
 * One turn of the scheduler: leases what is due and does for each what its state asks for. Any number of replicas may run
 * this at once; a worker that dies loses its lease and somebody else goes on. A failure is reported and tried again
 * after the lease.
 * @returns how many were due
 */
export const workDue = (ports: Ports) => {
  const looks = looksMs(ports.timing);
  return async (options: { limit: number; leaseMs: number }): Promise<number> => {
    const now = ports.clock.now();
    const due = await ports.store.claimDue(now, addMs(now, options.leaseMs), options.limit, looks);
    await Promise.all(
      due.map(async (verification) => {
        try {
          await step(ports, verification);
        } catch (error) {
          ports.observer.failedStep(verification, error);
        }
      }),
    );
    return due.length;
  };
};

/** What goes round less often: pushes that found their purchase, old orphans, figures. */
export const houseKeep = (ports: Ports) => async (): Promise<void> => {
  await deliverOrphans(ports)();
  await ports.store.purgeOrphans(addMs(ports.clock.now(), -orphanLifeMs));
  ports.observer.unknownCount(await ports.store.countUnknown());
};

const step = async (ports: Ports, verification: Verification): Promise<void> => {
  switch (verification.state) {
    case 'reserving':
      return recoverPurchase(ports)(verification);
    case 'unknown':
      return void (await reconcilePurchase(ports)(verification));
    case 'waiting':
      return checkActivation(ports)(verification);
    case 'cancelling':
      return void (await settleCancellation(ports)(verification, { askFirst: true }));
    case 'received':
      return finishActivation(ports)(verification);
    case 'retrying':
      return awaitAnother(ports)(verification);
    case 'completed':
    case 'cancelled':
    case 'expired':
    case 'failed':
      return;
  }
};
