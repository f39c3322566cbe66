import { change } from '../../domain/lifecycle.ts';
import { pollAt, retryAt } from '../../domain/timing.ts';
import type { Verification } from '../../domain/verification.ts';
import type { Ports } from '../ports.ts';
import { receiveMessage, type ReceivePorts } from '../receive-message.ts';

type Needs = ReceivePorts & Pick<Ports, 'providers'>;

/** Looks after a number that waits for a further code: fetches it when its push did not come, ends the wait with the number's time. */
export const awaitAnother =
  (ports: Needs) =>
  async (retrying: Verification): Promise<void> => {
    const { activationId, expiresAt } = retrying;
    if (activationId === undefined || expiresAt === undefined) throw new Error('a number with a code has an activation');
    const status = await ports.providers.named(retrying.provider).status(activationId);
    if (status.kind === 'code') {
      const after = await receiveMessage(ports)(retrying, status.message);
      // Else the provider has shown the message before once more.
      if (after.state !== 'retrying') return;
    }
    if (status.kind === 'cancelled' || status.kind === 'absent' || ports.clock.now() >= expiresAt) await endWait(ports, retrying);
    // Whether it was asked, or its answer was lost, is not known here: asking again does no harm.
    else await askProvider(ports, retrying);
  };

/** @returns the verification afterwards, or that there will be no further code */
export const askProvider = async (ports: Needs, retrying: Verification): Promise<Verification | 'refused'> => {
  const { store, clock, timing } = ports;
  const answer = await ports.providers.named(retrying.provider).requestAnother(retrying.activationId ?? '');
  const now = clock.now();
  switch (answer.kind) {
    case 'asked':
      return wait(ports, retrying, answer.activationId);
    case 'message':
      return receiveMessage(ports)(retrying, answer.message);
    case 'refused':
      return endWait(ports, retrying);
    case 'unknown':
      await store.reschedule(retrying, retryAt(now, retrying.attempts, timing));
      return retrying;
  }
};

const wait = async (ports: Needs, retrying: Verification, activationId: string | undefined): Promise<Verification> => {
  const { expiresAt, attempts } = retrying;
  const now = ports.clock.now();
  const dueAt = pollAt(now, attempts, expiresAt ?? now, ports.timing);
  if (activationId === undefined || activationId === retrying.activationId) {
    await ports.store.reschedule(retrying, dueAt);
    return retrying;
  }
  // The number goes on under another id of the provider's: its messages are to find us.
  const moved = { ...retrying, activationId, dueAt, version: retrying.version + 1 };
  return (await ports.store.save(retrying, moved)) === 'lost' ? reread(ports, retrying) : moved;
};

/** What was reserved for the code goes back with the event. */
const endWait = async (ports: Needs, retrying: Verification): Promise<Verification | 'refused'> => {
  const to = change(retrying, 'anotherEnded', { another: undefined, dueAt: ports.clock.now() });
  if (to) {
    const event = { kind: 'anotherEnded', verification: to, holdId: retrying.another?.holdId } as const;
    // It is received as before: nothing was reached that has not been counted.
    if ((await ports.store.save(retrying, to, { event })) === 'saved') return 'refused';
  }
  return reread(ports, retrying);
};

const reread = async ({ store }: Needs, verification: Verification): Promise<Verification> =>
  (await store.find(verification.tenantId, verification.id)) ?? verification;
