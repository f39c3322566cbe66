import { change } from '../domain/lifecycle.ts';
import { retryAt } from '../domain/timing.ts';
import type { Verification } from '../domain/verification.ts';
import type { Ports } from './ports.ts';
import { receiveMessage, type ReceivePorts } from './receive-message.ts';

type Needs = ReceivePorts & Pick<Ports, 'providers'>;

/** Tells the provider that we are done. The customer has the code: a provider that does not answer is not their problem. */
export const finishActivation =
  (ports: Needs) =>
  async (received: Verification): Promise<void> => {
    if (received.activationId === undefined) throw new Error('a received verification has an activation');
    const answer = await ports.providers.named(received.provider).finish(received.activationId);
    // The message raises the version and opens the lease: whoever is first goes on.
    if (answer.kind === 'message') await receiveMessage(ports)(received, answer.message);
    const present = answer.kind === 'message' ? await ports.store.find(received.tenantId, received.id) : received;
    if (present?.state !== 'received') return;
    const now = ports.clock.now();
    if (answer.kind !== 'done' && present.attempts < ports.timing.finishAttempts) {
      await ports.store.reschedule(present, retryAt(now, present.attempts, ports.timing));
      return;
    }
    if (answer.kind !== 'done') ports.observer.leak(present, "finished without the provider's confirmation");
    const to = change(present, 'finished', { endedAt: now });
    if (to && (await ports.store.save(present, to, { event: { kind: 'completed', verification: to } })) === 'saved')
      ports.observer.reached(to);
  };
