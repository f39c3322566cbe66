import { change } from '../domain/lifecycle.ts';
import { addMs } from '#platform/time/index.ts';
import { expiryOf } from '../domain/timing.ts';
import type { Reason, Verification } from '../domain/verification.ts';
import type { Ports } from './ports.ts';

type Needs = Pick<Ports, 'store' | 'numbers' | 'providers' | 'observer' | 'clock' | 'timing'>;

export interface Grant {
  readonly activationId: string;
  readonly phoneNumber: string;
  readonly costMicros: bigint;
  readonly expiresAt: Date | undefined;
}

export type Settled =
  | { readonly outcome: 'saved' | 'pushWaits'; readonly verification: Verification }
  | { readonly outcome: 'lost' | 'claimed' | 'unleased' };

/**
 * The provider gave a number: `waiting`, its event and the lease of the number, in one statement. `polledAfterMs`: first look of the scheduler.
 * unleased: it may not be sold for this service, or not to this purchase.
 */
export const settleGranted = async (
  ports: Needs,
  from: Verification,
  grant: Grant,
  holdId: string,
  polledAfterMs: number,
): Promise<Settled> => {
  const now = ports.clock.now();
  const { cancelAfterMs } = ports.providers.named(from.provider);
  const to = change(from, 'granted', {
    activationId: grant.activationId,
    phoneNumber: grant.phoneNumber,
    providerCostMicros: grant.costMicros,
    holdId,
    expiresAt: expiryOf(grant.expiresAt, from.createdAt, now, ports.timing),
    dueAt: addMs(now, polledAfterMs),
    cancellableAt: cancelAfterMs === 0 ? undefined : addMs(from.createdAt, cancelAfterMs),
  });
  if (!to) return { outcome: 'lost' };
  const outcome = await ports.store.grant(from, to, {
    event: { kind: 'purchased', verification: to },
    number: ports.numbers.hash(grant.phoneNumber),
  });
  if (outcome !== 'saved' && outcome !== 'pushWaits') return { outcome };
  ports.observer.reached(to);
  return { outcome, verification: to };
};

/** No number and none will come. Billing gives the hold back when it reads the event. */
export const settleFailed = async (
  ports: Needs,
  from: Verification,
  reason: Reason,
  holdId: string | undefined = from.holdId,
): Promise<Verification | undefined> => {
  const to = change(from, 'refused', { reason, holdId, endedAt: ports.clock.now() });
  if (!to) return undefined;
  const outcome = await ports.store.save(from, to, { event: { kind: 'failed', verification: to } });
  if (outcome !== 'saved') return undefined;
  ports.observer.reached(to);
  return to;
};
