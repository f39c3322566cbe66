import { isAppError } from '#platform/errors/index.ts';
import { addMs } from '#platform/time/index.ts';
import { change } from '../domain/lifecycle.ts';
import { retryAt } from '../domain/timing.ts';
import type { Verification } from '../domain/verification.ts';
import { holdFor } from './hold.ts';
import type { Ports } from './ports.ts';
import { reconcilePurchase } from './reconcile-purchase.ts';
import { settleFailed } from './settle-purchase.ts';

type Needs = Pick<Ports, 'store' | 'numbers' | 'ledger' | 'providers' | 'catalogue' | 'observer' | 'clock' | 'timing'>;

/**
 * A row still `reserving` after its time: its process died, or lost billing or the database. Whether the provider was
 * asked is not known, so it counts as asked. The hold is asked for again under its key, which tells its id; then the
 * purchase is reconciled like any other lost one. Nothing is bought here.
 */
export const recoverPurchase =
  (ports: Needs) =>
  async (stale: Verification): Promise<void> => {
    const now = ports.clock.now();
    const { timing, store } = ports;
    const hold = await holdFor(ports, stale, addMs(now, timing.providerTimeoutMs));
    if (hold.kind === 'refused') {
      // Money comes before the provider: no hold means that the provider was never asked. Any other refusal (a conflict
      // after a change of the catalogue) leaves a hold that ends by itself.
      const poor = isAppError(hold.error, 'billing.insufficient_credit');
      await settleFailed(ports, stale, poor ? 'insufficient_credit' : 'billing_refused', undefined);
      return;
    }
    if (hold.kind === 'unknown') {
      const overAt = addMs(stale.createdAt, timing.holdMs);
      if (now >= overAt) await settleFailed(ports, stale, 'billing_unavailable', undefined);
      else await store.reschedule(stale, retryAt(now, stale.attempts, timing));
      return;
    }
    const lost = change(stale, 'lost', { holdId: hold.holdId, dueAt: addMs(now, 2 * timing.providerTimeoutMs) });
    if (lost && (await store.save(stale, lost)) === 'saved') await reconcilePurchase(ports)(lost);
  };
