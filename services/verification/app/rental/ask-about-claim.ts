import { addMs, minuteMs } from '#platform/time/index.ts';
import type { Rental, RentalOrder } from '../../domain/rental/rental.ts';
import { byRelease, byRental, type Claim, type Verdict } from '../../domain/settlement/claim.ts';
import { lookForPurchase } from './place-order.ts';
import type { RentalPorts } from './ports.ts';

const wait: Verdict = { kind: 'wait', afterMs: undefined };
const neverBought: Verdict = { kind: 'refunded', evidence: 'never_bought' };
/** A provider's clock and whole hours are forgiven. */
const slackMs = 10 * minuteMs;

/**
 * What the provider says about an order of a rental whose cost we claim. What still runs there although no customer has it is given back.
 * Asking twice does no harm.
 */
export const askAboutRental =
  (ports: RentalPorts) =>
  async (claim: Claim): Promise<Verdict> => {
    const order = await ports.store.findOrder(claim.tenantId, claim.verificationId);
    const rental = order && (await ports.store.find(claim.tenantId, order.rentalId));
    if (!rental) return wait;
    if (order.state === 'voiding' || order.state === 'failed')
      return order.kind === 'purchase' ? askForLostPurchase(ports, rental, order) : askForLostExtension(ports, rental);
    const provider = ports.providers.named(claim.provider);
    const verdict = byRental((await provider.find(claim.activationId)).kind);
    return verdict.kind === 'cancel' ? byRelease(await provider.release(claim.activationId)) : verdict;
  };

/**
 * The customer's money is back: a number that was bought after all is given back, too. One that another order of this route may still
 * turn out to have bought is left alone.
 */
const askForLostPurchase = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<Verdict> => {
  const looked = await lookForPurchase(ports, rental, order);
  if (looked.kind === 'unknown') return wait;
  const [id] = looked.grants.map((grant) => grant.providerRentalId);
  if (id === undefined) return neverBought;
  if (await ports.store.buying(rental.provider, rental.service, rental.country)) return wait;
  // Whoever bought it before we looked has written it down by now.
  const free = await ports.store.unclaimed(rental.provider, [id]);
  return free.has(id) ? byRelease(await ports.providers.named(rental.provider).release(id)) : wait;
};

/** Time beyond what we know of was bought by an extension that nobody paid for. */
const askForLostExtension = async (ports: RentalPorts, rental: Rental): Promise<Verdict> => {
  if (rental.openOrderId !== null) return wait;
  const found = await ports.providers.named(rental.provider).find(rental.providerRentalId ?? '');
  if (found.kind === 'unknown') return wait;
  const extended = found.kind === 'active' && rental.endsAt !== null && found.rental.endsAt > addMs(rental.endsAt, slackMs);
  return extended ? { kind: 'lost', evidence: 'kept_by_provider' } : neverBought;
};
