import { addMs } from '#platform/time/index.ts';
import { change } from '../domain/lifecycle.ts';
import { retryAt } from '../domain/timing.ts';
import type { Reason, Verification } from '../domain/verification.ts';
import type { Ports } from './ports.ts';
import { receiveMessage, type ReceivePorts } from './receive-message.ts';

type Needs = ReceivePorts & Pick<Ports, 'providers'>;

/** Looks after one number that waits: fetches a code whose push did not come, ends it when its time is over. */
export const checkActivation =
  (ports: Needs) =>
  async (waiting: Verification): Promise<void> => {
    const { activationId, expiresAt } = waiting;
    if (activationId === undefined || expiresAt === undefined) throw new Error('a waiting verification has an activation');
    const status = await ports.providers.named(waiting.provider).status(activationId);
    if (status.kind === 'code') {
      const after = await receiveMessage(ports)(waiting, status.message);
      if (after.state !== 'waiting') return;
      // A message from before our lease is nothing: the number still waits.
    }
    // It ended on the provider's side, where a number without a code costs nothing.
    const now = ports.clock.now();
    if (status.kind === 'cancelled' || status.kind === 'finished') {
      await end(ports, waiting, now < expiresAt ? 'cancelled_by_provider' : 'no_code_in_time');
      return;
    }
    // Until then, whoever claimed it has set the next look.
    if (now >= expiresAt) await giveBack(ports, waiting, activationId, expiresAt);
  };

/** The time is over: take the number back from the provider first, so that money goes back on both sides. */
const giveBack = async (ports: Needs, waiting: Verification, activationId: string, expiresAt: Date): Promise<void> => {
  const provider = ports.providers.named(waiting.provider);
  const answer = await provider.cancel(activationId);
  if (answer.kind === 'cancelled' || answer.kind === 'absent') {
    await end(ports, waiting, 'no_code_in_time');
    return;
  }
  if (answer.kind === 'code') {
    const status = answer.message ? undefined : await provider.status(activationId);
    const message = answer.message ?? (status?.kind === 'code' ? status.message : undefined);
    if (message) {
      const after = await receiveMessage(ports)(waiting, message);
      if (after.state !== 'waiting') return;
    }
  }
  const now = ports.clock.now();
  if (now < addMs(expiresAt, ports.timing.giveUpMs)) {
    await ports.store.reschedule(waiting, retryAt(now, waiting.attempts, ports.timing));
    return;
  }
  ports.observer.leak(waiting, `expired without the provider's confirmation: ${answer.kind}`);
  await end(ports, waiting, 'no_code_in_time');
};

const end = async (ports: Needs, waiting: Verification, reason: Reason): Promise<void> => {
  const to = change(waiting, 'timedOut', { reason, endedAt: ports.clock.now() });
  if (to && (await ports.store.save(waiting, to, { event: { kind: 'expired', verification: to } })) === 'saved') ports.observer.reached(to);
};
