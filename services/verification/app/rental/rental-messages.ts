import { newId } from '#platform/ids/index.ts';
import { addMs, hourMs } from '#platform/time/index.ts';
import type { Rental } from '../../domain/rental/rental.ts';
import { isStale } from '../../domain/message.ts';
import type { Place } from '../ports.ts';
import type { RentalMessage, RentalPorts, SealedRentalMessage } from './ports.ts';

const placeOf = ({ tenantId, id }: { tenantId: string; id: string }, messageId: string): Place => ({
  tenantId,
  context: `rental-message:${tenantId}:${id}:${messageId}`,
});

/** Providers tell some messages late, and out of order. */
const overlapMs = hourMs;

/** Reads the provider's inbox of one number; what is known already changes nothing. */
export const fetchMessages = async (ports: RentalPorts, rental: Rental): Promise<void> => {
  const newest = await ports.store.newestMessageAt(rental.tenantId, rental.id);
  const since = newest && addMs(newest, -overlapMs);
  const answer = await ports.providers.named(rental.provider).messages(rental.providerRentalId ?? '', since);
  if (answer.kind === 'listed') await receiveMessages(ports, rental, answer.messages);
};

/**
 * Messages to a rented number, by poll or by push, any number of times. What the screen withholds, or was sent to whoever had the number
 * before, is kept hidden: it is told to nobody.
 */
export const receiveMessages = async (
  { store, sealer, policy, clock }: Pick<RentalPorts, 'store' | 'sealer' | 'policy' | 'clock'>,
  rental: Rental,
  messages: readonly RentalMessage[],
): Promise<void> => {
  if (messages.length === 0) return;
  const now = clock.now();
  const withheld = new Map<string, string>();
  // Ids are given in the order in which they came, whatever the order of the provider's page.
  const inOrder = messages
    .toSorted((a, b) => (a.receivedAt ?? now).getTime() - (b.receivedAt ?? now).getTime())
    .map((message) => ({ ...message, id: newId() }));
  const seal = async ({ id, text, sender, receivedAt }: (typeof inOrder)[number]): Promise<SealedRentalMessage> => {
    const reason = policy.screen(rental.service, { sender, text });
    if (reason !== undefined) withheld.set(id, reason);
    return {
      ...{ id, rentalId: rental.id, tenantId: rental.tenantId, receivedAt: receivedAt ?? now },
      sealed: await sealer.seal(JSON.stringify({ text, sender }), placeOf(rental, id)),
      fingerprint: sealer.fingerprint(`${rental.id}
${sender}
${text}
${receivedAt?.toISOString() ?? ''}`),
      hidden: reason !== undefined || isStale(receivedAt, rental.createdAt),
    };
  };
  for (const { id } of await store.addMessages(rental, await Promise.all(inOrder.map(seal)))) {
    const reason = withheld.get(id);
    if (reason !== undefined) await policy.recordWithheld(rental, reason, 'rental');
  }
};

export interface OpenedRentalMessage {
  readonly id: string;
  readonly text: string;
  readonly sender: string;
  readonly receivedAt: Date;
}

/** Those that can still be read, in their order: of a tenant whose keys were destroyed there are none. */
export const openMessages = async (
  { sealer }: Pick<RentalPorts, 'sealer'>,
  messages: readonly SealedRentalMessage[],
): Promise<readonly OpenedRentalMessage[]> => {
  const opened = await Promise.all(
    messages.map(async ({ id, tenantId, rentalId, sealed, receivedAt }) => {
      const body = await sealer.open(sealed, placeOf({ tenantId, id: rentalId }, id));
      return body === undefined ? undefined : { id, ...(JSON.parse(body) as { text: string; sender: string }), receivedAt };
    }),
  );
  return opened.filter((message) => message !== undefined);
};
