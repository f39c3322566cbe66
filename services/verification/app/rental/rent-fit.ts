import type { Rental, RentalOrder } from '../../domain/rental/rental.ts';
import type { RentalPorts, RentalProvider, RentOutcome, Wanted } from './ports.ts';

/** How many numbers one order may try at one provider. */
const tries = 3;

/**
 * Has another order taken the number for its own meanwhile? Two lost purchases of one kind may swap their numbers: what is somebody's by then
 * must not be given back, however unfit it is for us.
 */
export const isClaimed = async ({ store }: RentalPorts, { provider }: Rental, providerRentalId: string): Promise<boolean> =>
  !(await store.unclaimed(provider, [providerRentalId])).has(providerRentalId);

/** To the provider, at once; one that does not answer is paid for by us. */
export const giveBackUnfit = async ({ providers, observer }: RentalPorts, rental: Rental, providerRentalId: string): Promise<void> => {
  const answer = await providers.named(rental.provider).release(providerRentalId);
  if (answer.kind !== 'released') observer.leak(rental, 'a number that may not be rented was not taken back');
};

/**
 * Asks a provider for a number that was never sold for this service and is not banned for it. An unfit one is given back, and
 * another one asked for under an order id of its own; a provider that has nothing else has nothing.
 */
export const rentFit = async (
  ports: RentalPorts,
  rental: Rental,
  order: RentalOrder,
  { provider, ...wanted }: Wanted & { readonly provider: RentalProvider },
): Promise<RentOutcome> => {
  for (let turn = 0; turn < tries; turn++) {
    if (turn > 0 && ports.clock.now() >= order.deadline) break;
    const answer = await provider.rent({ ...wanted, orderId: turn === 0 ? order.id : `${order.id}:${turn}` });
    if (answer.kind !== 'granted') return answer;
    // undecided, or claimed: a lost order of the same kind takes it for its own. The write that claims it says whose it is.
    if ((await ports.numbers.lease(rental, answer.phoneNumber)) !== 'unfit') return answer;
    if (await isClaimed(ports, rental, answer.providerRentalId)) return answer;
    await giveBackUnfit(ports, rental, answer.providerRentalId);
  }
  return { kind: 'refused', reason: 'no_numbers', detail: 'only numbers that may not be rented for this service' };
};
