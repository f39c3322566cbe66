import type { Rental, RentalOrder } from '../../domain/rental/rental.ts';
import type { RentalPorts, RentalProvider, RentOutcome, Wanted } from './ports.ts';

/** How many numbers one order may try at one provider. */
const tries = 3;

/**
 * To the provider, at once; one that does not answer is paid for by us. Two lost purchases of one kind may swap their numbers: what
 * another order has taken for its own meanwhile stays there, however unfit it is for us.
 * @returns false when it is another order's by now
 */
export const giveBackUnfit = async (
  { store, providers, observer }: RentalPorts,
  rental: Rental,
  providerRentalId: string,
): Promise<boolean> => {
  if (!(await store.unclaimed(rental.provider, [providerRentalId])).has(providerRentalId)) return false;
  const answer = await providers.named(rental.provider).release(providerRentalId);
  if (answer.kind !== 'released') observer.leak(rental, 'a number that may not be rented was not taken back');
  return true;
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
    if (!(await giveBackUnfit(ports, rental, answer.providerRentalId))) return answer;
  }
  return { kind: 'refused', reason: 'no_numbers', detail: 'only numbers that may not be rented for this service' };
};
