import { newId } from '#platform/ids/index.ts';
import { addMs, hourMs } from '#platform/time/index.ts';
import type { Rental } from '../../domain/rental/rental.ts';
import type { RentalPorts, SealedRentalMessage } from './ports.ts';

const context = (rental: { tenantId: string; id: string }, messageId: string): string =>
  `rental-message:${rental.tenantId}:${rental.id}:${messageId}`;

/** Providers tell some messages late, and out of order. */
const overlapMs = hourMs;

/** Reads the provider's inbox of one number; what is known already changes nothing. */
export const fetchMessages = async (ports: RentalPorts, rental: Rental): Promise<void> => {
  const newest = await ports.store.newestMessageAt(rental.tenantId, rental.id);
  const since = newest && addMs(newest, -overlapMs);
  const answer = await ports.providers.named(rental.provider).messages(rental.providerRentalId ?? '', since);
  if (answer.kind !== 'listed' || answer.messages.length === 0) return;
  const now = ports.clock.now();
  // Ids are given in the order in which they came, whatever the order of the provider's page.
  const inOrder = answer.messages.toSorted((a, b) => (a.receivedAt ?? now).getTime() - (b.receivedAt ?? now).getTime());
  const sealed = inOrder.map(({ text, sender, receivedAt }): SealedRentalMessage => {
    const id = newId();
    return {
      ...{ id, rentalId: rental.id, tenantId: rental.tenantId, receivedAt: receivedAt ?? now },
      sealed: ports.sealer.seal(JSON.stringify({ text, sender }), context(rental, id)),
      fingerprint: ports.sealer.fingerprint(`${rental.id}\n${sender}\n${text}\n${receivedAt?.toISOString() ?? ''}`),
    };
  });
  await ports.store.addMessages(rental, sealed);
};

export interface OpenedRentalMessage {
  readonly id: string;
  readonly text: string;
  readonly sender: string;
  readonly receivedAt: Date;
}

export const openMessage = (ports: Pick<RentalPorts, 'sealer'>, message: SealedRentalMessage): OpenedRentalMessage => {
  const place = { tenantId: message.tenantId, id: message.rentalId };
  const { text, sender } = JSON.parse(ports.sealer.open(message.sealed, context(place, message.id))) as { text: string; sender: string };
  return { id: message.id, text, sender, receivedAt: message.receivedAt };
};
