/**
 * The numbers that this process has made wait for their first message, so that a push seldom has to look one up. What is remembered may be as old
 * as the last change by another process: whoever changes a verification compares its version, finds out, and reads it again.
 */
import { LRUCache } from 'lru-cache';
import type { Saved, VerificationStore } from '../../app/ports.ts';
import type { Verification } from '../../domain/verification.ts';

/** Most codes come within a minute, and the rest is looked up. About a kilobyte each. */
const kept = 16_384;

const keyOf = (provider: string, activationId: string): string => `${provider}\n${activationId}`;

export const rememberAwaited = (store: VerificationStore): VerificationStore => {
  const awaited = new LRUCache<string, Verification>({ max: kept });
  const note = (verification: Verification): void => {
    const { activationId, provider, state, codes } = verification;
    if (activationId === undefined) return;
    if (state === 'waiting' && codes === 0) awaited.set(keyOf(provider, activationId), verification);
    else awaited.delete(keyOf(provider, activationId));
  };
  const forget = ({ activationId, provider }: Verification): void => {
    if (activationId !== undefined) awaited.delete(keyOf(provider, activationId));
  };
  const noted = async (from: Verification, to: Verification, written: Promise<Saved>): Promise<Saved> => {
    try {
      const saved = await written;
      if (saved === 'saved' || saved === 'pushWaits') note(to);
      else forget(from);
      return saved;
    } catch (error) {
      // Nobody knows what became of it.
      forget(from);
      throw error;
    }
  };
  return {
    ...store,
    save: (from, to, also) => noted(from, to, store.save(from, to, also)),
    grant: (from, to, also) => noted(from, to, store.grant(from, to, also)),
    findByActivation: async (provider, activationId) =>
      awaited.get(keyOf(provider, activationId)) ?? store.findByActivation(provider, activationId),
  };
};
