import { addMs } from '#platform/time/index.ts';
import { absenceProven, candidatesFor, searchFrom } from '../domain/reconcile.ts';
import { retryAt } from '../domain/timing.ts';
import type { Verification } from '../domain/verification.ts';
import { giveBackUnfit } from './policy/give-back-unfit.ts';
import type { Ports } from './ports.ts';
import { settleFailed, settleGranted } from './settle-purchase.ts';

type Needs = Pick<Ports, 'store' | 'numbers' | 'providers' | 'observer' | 'clock' | 'timing'>;

/**
 * Finds out what became of a purchase whose answer was lost, by the provider's own list. Never buys.
 * @param lost in state `unknown`, with its hold
 * @returns the verification when it is settled, undefined while it is not
 */
export const reconcilePurchase =
  (ports: Needs) =>
  async (lost: Verification): Promise<Verification | undefined> => {
    const { store, timing } = ports;
    // The list is true for some moment after this one: absence is proven only for what was asked before it.
    const askedAt = ports.clock.now();
    const listing = await ports.providers.named(lost.provider).listActive(searchFrom(lost));
    if (listing.kind === 'listed') {
      const found = await claimOne(ports, lost, listing.activations, askedAt);
      if (found) return found;
      if (absenceProven(lost, askedAt, timing)) return settleFailed(ports, lost, 'provider_unconfirmed');
    } else if (askedAt >= addMs(lost.createdAt, timing.activationMs + timing.giveUpMs)) {
      // Still no answer when the number would be over anyway: the customer gets the money back, the loss is ours.
      ports.observer.leak(lost, 'no answer about a lost purchase');
      return settleFailed(ports, lost, 'provider_unconfirmed');
    }
    await store.reschedule(lost, retryAt(ports.clock.now(), lost.attempts, timing));
    return undefined;
  };

const claimOne = async (
  ports: Needs,
  lost: Verification,
  active: Parameters<typeof candidatesFor>[1],
  askedAt: Date,
): Promise<Verification | undefined> => {
  if (active.length === 0) return undefined;
  // Both questions come after the list: whoever bought something that stands in it has had a row since before.
  const [free, othersBuying] = await Promise.all([
    ports.store.unclaimed(
      lost.provider,
      active.map((row) => row.activationId),
    ),
    ports.store.othersBuying(lost),
  ]);
  const unclaimed = active.filter((row) => free.has(row.activationId));
  for (const candidate of candidatesFor(lost, unclaimed, askedAt, { alone: !othersBuying, timing: ports.timing })) {
    const lease = await ports.numbers.lease(lost, candidate.phoneNumber);
    // Another lost purchase is about to claim it: it is not ours to give back.
    if (lease === 'taken') continue;
    if (lease === 'unfit') {
      await giveBackUnfit(ports, lost, candidate.activationId);
      continue;
    }
    // Looked at once: the code may have come in the meantime.
    const settled = await settleGranted(ports, lost, candidate, lost.holdId ?? '', 0);
    if ('verification' in settled) return settled.verification;
    if (settled.outcome === 'lost') return ports.store.find(lost.tenantId, lost.id);
  }
  return undefined;
};
