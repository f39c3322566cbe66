import type { Verification } from '../../domain/verification.ts';
import type { AcquireOutcome, NumberProvider, Ports } from '../ports.ts';
import { giveBackUnfit } from './give-back-unfit.ts';

/** How many numbers one purchase may try at one provider. */
const tries = 3;

/**
 * Asks a provider for a number that was never sold for this service and is not banned for it. An unfit one is given back, and another
 * one asked for under an order id of its own; a provider that has nothing else has nothing.
 */
export const acquireFit = async (
  ports: Pick<Ports, 'store' | 'numbers' | 'observer' | 'clock' | 'timing'>,
  verification: Verification,
  provider: NumberProvider,
  wanted: Omit<Parameters<NumberProvider['acquire']>[0], 'orderId'>,
): Promise<AcquireOutcome> => {
  for (let turn = 0; turn < tries; turn++) {
    if (turn > 0 && ports.clock.now() >= verification.purchaseDeadline) break;
    const answer = await provider.acquire({ ...wanted, orderId: turn === 0 ? verification.id : `${verification.id}:${turn}` });
    if (answer.kind !== 'granted') return answer;
    const lease = await ports.numbers.lease(verification, answer.phoneNumber);
    if (lease === 'leased') return answer;
    // Claimed by a lost purchase of the same kind, which takes it for its own: not ours to give back; the grant says so when it is written.
    if (lease === 'taken' && (await ports.store.findByActivation(provider.name, answer.activationId))) return answer;
    await giveBackUnfit({ ...ports, providers: { named: () => provider } }, verification, answer.activationId);
  }
  return { kind: 'refused', reason: 'no_numbers', detail: 'only numbers that may not be sold for this service' };
};
