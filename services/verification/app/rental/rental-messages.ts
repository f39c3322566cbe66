import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import { isEnded, type Rental } from '../../domain/rental/rental.ts';
import { isStale, secondsAround } from '../../domain/message.ts';
import type { Place } from '../ports.ts';
import type { NewRentalMessage, RentalMessage, RentalPorts, SealedRentalMessage } from './ports.ts';

const placeOf = ({ tenantId, id }: { tenantId: string; id: string }, messageId: string): Place => ({
  tenantId,
  context: `rental-message:${tenantId}:${id}:${messageId}`,
});

/** Providers tell some messages late, and out of order. */
const overlapMs = hourMs;
/** Longer than any outage. What is older is known, also where its text was deleted: its fingerprint stays as long as the number is ours. */
const longestAbsenceMs = 7 * dayMs;

type Needs = Pick<RentalPorts, 'store' | 'sealer' | 'policy' | 'clock'>;

/** The same message, by push and by poll, is known by its second and those beside it: some providers cut off or round what is smaller. */
const printsOf = (sealer: RentalPorts['sealer'], rentalId: string, { sender, text, receivedAt }: RentalMessage) => {
  const print = (at: Date | undefined): Uint8Array => sealer.fingerprint(`${rentalId}\n${sender}\n${text}\n${at?.toISOString() ?? ''}`);
  if (receivedAt === undefined) return { fingerprint: print(undefined), alike: [] };
  const [second, ...beside] = secondsAround(receivedAt);
  // The last one as it was written before fingerprints were of seconds.
  return { fingerprint: print(second), alike: [...beside, receivedAt].map(print) };
};

/** Messages as they are stored. @param withheld gets why the screen hides which */
const sealMessages = (
  { sealer, clock, policy }: Needs,
  rental: Rental,
  messages: readonly RentalMessage[],
  withheld: Map<string, string>,
): Promise<NewRentalMessage[]> => {
  const now = clock.now();
  // Ids are given in the order in which they came: by time, and within one second as the provider has them.
  const inOrder = messages
    .toSorted((a, b) => (a.receivedAt ?? now).getTime() - (b.receivedAt ?? now).getTime())
    .map((message) => ({ ...message, id: newId() }));
  const seal = async ({ id, text, sender, receivedAt }: (typeof inOrder)[number]): Promise<NewRentalMessage> => {
    const reason = policy.screen(rental.service, { sender, text });
    if (reason !== undefined) withheld.set(id, reason);
    return {
      ...{ id, rentalId: rental.id, tenantId: rental.tenantId, receivedAt: receivedAt ?? now },
      sealed: await sealer.seal(JSON.stringify({ text, sender }), placeOf(rental, id)),
      ...printsOf(sealer, rental.id, { sender, text, receivedAt }),
      hidden: reason !== undefined || isStale(receivedAt, rental.createdAt),
    };
  };
  return Promise.all(inOrder.map(seal));
};

/** Reads the provider's inbox of one number; what is known already changes nothing. */
export const fetchMessages = async (ports: RentalPorts, rental: Rental): Promise<void> => {
  const newest = await ports.store.newestMessageAt(rental.tenantId, rental.id);
  const began = addMs(rental.startedAt ?? rental.createdAt, -overlapMs);
  const weekAgo = addMs(ports.clock.now(), -longestAbsenceMs);
  const first = began > weekAgo ? began : weekAgo;
  const recent = newest && addMs(newest, -overlapMs);
  const since = recent && recent > first ? recent : first;
  const answer = await ports.providers.named(rental.provider).messages(rental.providerRentalId ?? '', since);
  if (answer.kind !== 'listed') return;
  await receiveMessages(
    ports,
    rental,
    answer.messages.filter(({ receivedAt }) => receivedAt === undefined || receivedAt >= first),
  );
};

/**
 * Messages to a rented number, by poll or by push, any number of times. What the screen withholds, or was sent to whoever had the number
 * before, is kept hidden: it is told to nobody.
 */
export const receiveMessages = async (ports: Needs, rental: Rental, messages: readonly RentalMessage[]): Promise<void> => {
  if (messages.length === 0) return;
  const withheld = new Map<string, string>();
  const sealed = await sealMessages(ports, rental, messages, withheld);
  for (const { id } of await ports.store.addMessages(rental, sealed)) {
    const reason = withheld.get(id);
    if (reason !== undefined) await ports.policy.recordWithheld(rental, reason, 'rental');
  }
};

/**
 * A message that the provider pushed. One without a time cannot be told from the same one in the provider's list: then the push is a
 * reason to look there at once. What comes for a rental that has ended is nobody's any more.
 * @returns false when there is no such rental (yet)
 */
export const receiveRentalMessage =
  (ports: Needs) =>
  async (provider: string, providerRentalId: string, message: RentalMessage): Promise<boolean> => {
    const rental = await ports.store.findByProvider(provider, providerRentalId);
    if (!rental) return false;
    if (isEnded(rental.state)) return true;
    if (message.receivedAt === undefined) await ports.store.lookSoon(rental, ports.clock.now());
    else await receiveMessages(ports, rental, [message]);
    return true;
  };

/** The messages that were pushed before the rental was written down. Delivering them twice is harmless. */
export const deliverParked = async (ports: RentalPorts, { provider, providerRentalId }: Rental): Promise<void> => {
  for (const message of await ports.parked(provider, providerRentalId ?? ''))
    await receiveRentalMessage(ports)(provider, providerRentalId ?? '', message);
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
