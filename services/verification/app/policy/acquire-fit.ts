import type { Verification } from '../../domain/verification.ts';
import type { AcquireOutcome, NumberProvider, Ports } from '../ports.ts';
import type { Settled } from '../settle-purchase.ts';
import { giveBackUnfit } from './give-back-unfit.ts';

/** How many numbers one purchase may try at one provider. */
const tries = 3;

type Granted = Extract<AcquireOutcome, { readonly kind: 'granted' }>;
type Needs = Pick<Ports, 'store' | 'numbers' | 'observer' | 'clock' | 'timing'>;

/** What the provider answered, and what became of the number. */
export type Acquired = Exclude<AcquireOutcome, Granted> | (Granted & { readonly settled: Settled });

/**
 * Asks a provider for a number that was never sold for this service and is not banned for it, and keeps it. An unfit one is given back, and another
 * one asked for under an order id of its own; a provider that has nothing else has nothing.
 * @param settle writes down what was granted, with its lease
 */
export const acquireFit = async (
  ports: Needs,
  verification: Verification,
  provider: NumberProvider,
  wanted: Omit<Parameters<NumberProvider['acquire']>[0], 'orderId'>,
  settle: (granted: Granted) => Promise<Settled>,
): Promise<Acquired> => {
  for (let turn = 0; turn < tries; turn++) {
    if (turn > 0 && ports.clock.now() >= verification.purchaseDeadline) break;
    const answer = await provider.acquire({ ...wanted, orderId: turn === 0 ? verification.id : `${verification.id}:${turn}` });
    if (answer.kind !== 'granted') return answer;
    // A number that it replaces is no other statement's to know.
    const settled = verification.retryOf === undefined ? await settle(answer) : unleased;
    if (settled.outcome !== 'unleased') return { ...answer, settled };
    const again = await lookAgain(ports, verification, provider, answer, settle);
    if (again.outcome !== 'unleased') return { ...answer, settled: again };
    await giveBackUnfit({ ...ports, providers: { named: () => provider } }, verification, answer.activationId);
  }
  return { kind: 'refused', reason: 'no_numbers', detail: 'only numbers that may not be sold for this service' };
};

const unleased: Settled = { outcome: 'unleased' };

/** Why was the number not leased? */
const lookAgain = async (
  { numbers, store }: Needs,
  verification: Verification,
  provider: NumberProvider,
  answer: Granted,
  settle: (granted: Granted) => Promise<Settled>,
): Promise<Settled> => {
  const lease = await numbers.lease(verification, answer.phoneNumber);
  // Free by now; or it replaces another one, and not this.
  if (lease === 'leased') return settle(answer);
  // Claimed by a lost purchase of the same kind, which takes it for its own: not ours to give back.
  if (lease === 'taken' && (await store.findByActivation(provider.name, answer.activationId))) return { outcome: 'claimed' };
  return unleased;
};
