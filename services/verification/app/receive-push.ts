import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { deliverOrphans, orphanContext, rentalOrphansOf } from './deliver-orphans.ts';
import type { Ports, Push, PushedMessage, PushReader } from './ports.ts';
import { receiveMessage, type ReceivePorts } from './receive-message.ts';

type Needs = ReceivePorts & Pick<Ports, 'providers' | 'rentals'>;

/**
 * A provider says that a message has come. Answering without an error means that we have it for good.
 * @throws request.not_found for a provider we do not have, auth.unauthenticated, request.malformed
 */
export const receivePush =
  (ports: Needs) =>
  async (push: Push & { readonly provider: string }): Promise<void> => {
    const reader = ports.providers.pushReader(push.provider);
    if (!reader) throw appError('request.not_found');
    if (!reader.accepts(push)) throw appError('auth.unauthenticated');
    const message = reader.read(push.body);
    if (message === undefined || (await deliver(ports, reader, message))) return;
    // Earlier than our own note of the purchase, or about nothing of ours. First kept, then looked again: the purchase looks
    // in the opposite order, so one of the two sees the other.
    const provider = reader.about === 'rentals' ? rentalOrphansOf(reader.provider) : reader.provider;
    const orphan = { provider, activationId: message.activationId };
    await ports.store.keepOrphan({
      ...orphan,
      id: newId(),
      sealed: await ports.sealer.seal(JSON.stringify(message), orphanContext(orphan)),
      // The same text to a rented number, twice, is two messages.
      fingerprint: ports.sealer.fingerprint(
        [
          message.activationId,
          message.code ?? '',
          message.text,
          ...(reader.about === 'activations' ? [] : [message.receivedAt?.toISOString()]),
        ].join('\n'),
      ),
      arrivedAt: ports.clock.now(),
    });
    if (reader.about !== 'rentals' && (await ports.store.findByActivation(reader.provider, message.activationId)))
      await deliverOrphans(ports)();
    else if (reader.about !== 'activations') await ports.rentals?.receive(reader.provider, message.activationId, message);
  };

/** @returns false when it is about nothing that we know */
const deliver = async (ports: Needs, { provider, about }: PushReader, message: PushedMessage): Promise<boolean> => {
  const verification = about === 'rentals' ? undefined : await ports.store.findByActivation(provider, message.activationId);
  if (verification) await receiveMessage(ports)(verification, message);
  if (verification || about === 'activations') return verification !== undefined;
  return (await ports.rentals?.receive(provider, message.activationId, message)) ?? false;
};
