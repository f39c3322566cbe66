import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { deliverOrphans, orphanContext } from './deliver-orphans.ts';
import type { Ports, Push } from './ports.ts';
import { receiveMessage, type ReceivePorts } from './receive-message.ts';

type Needs = ReceivePorts & Pick<Ports, 'providers'>;

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
    if (message === undefined) return;
    const verification = await ports.store.findByActivation(reader.provider, message.activationId);
    if (verification) {
      await receiveMessage(ports)(verification, message);
      return;
    }
    // Earlier than our own note of the purchase, or about nothing of ours. First kept, then looked again: the purchase looks
    // in the opposite order, so one of the two sees the other.
    const orphan = { provider: reader.provider, activationId: message.activationId };
    await ports.store.keepOrphan({
      ...orphan,
      id: newId(),
      sealed: await ports.sealer.seal(JSON.stringify(message), orphanContext(orphan)),
      fingerprint: ports.sealer.fingerprint(`${message.activationId}\n${message.code ?? ''}\n${message.text}`),
      arrivedAt: ports.clock.now(),
    });
    if (await ports.store.findByActivation(reader.provider, message.activationId)) await deliverOrphans(ports)();
  };
