import { appError } from '#platform/errors/index.ts';
import { addMs, secondMs } from '#platform/time/index.ts';
import { change } from '../domain/lifecycle.ts';
import { retryAt } from '../domain/timing.ts';
import type { Verification } from '../domain/verification.ts';
import type { CancelOutcome, NumberProvider, Ports } from './ports.ts';
import { receiveMessage, type ReceivePorts } from './receive-message.ts';

type Needs = ReceivePorts & Pick<Ports, 'providers'>;

/** cancelled and early: settled so. code: a code exists and won. pending: the provider gave no answer, the scheduler asks again. */
export type Cancellation =
  | { readonly kind: 'cancelled'; readonly verification: Verification }
  | { readonly kind: 'early'; readonly retryAfterMs: number }
  | { readonly kind: 'code' }
  | { readonly kind: 'pending' }
  /** Changed by somebody else in the meantime: read it again. */
  | { readonly kind: 'moved' };

/** Carries a `cancelling` verification to its end, as far as the provider lets us know it. */
export const settleCancellation =
  (ports: Needs) =>
  async (cancelling: Verification, options: { askFirst: boolean }): Promise<Cancellation> => {
    const { activationId } = cancelling;
    if (activationId === undefined) throw appError('platform.internal', { cause: 'a cancelling verification has an activation' });
    const provider = ports.providers.named(cancelling.provider);
    const giveBack = () => (cancelling.reportReason === undefined ? provider.cancel(activationId) : provider.report(activationId));
    const answer = options.askFirst ? await askFirst(provider, activationId, giveBack) : await giveBack();
    switch (answer.kind) {
      case 'cancelled':
      case 'absent':
        return confirm(ports, cancelling);
      case 'early':
        return deny(ports, cancelling, answer.retryAfterMs);
      case 'code':
        return fetchCode(ports, cancelling, provider, activationId, answer);
      case 'unknown':
        return wait(ports, cancelling);
    }
  };

/** After a lost answer: a cancellation that happened shows in the status; one that did not is asked for again. */
const askFirst = async (provider: NumberProvider, activationId: string, giveBack: () => Promise<CancelOutcome>): Promise<CancelOutcome> => {
  const status = await provider.status(activationId);
  if (status.kind === 'code') return { kind: 'code', message: status.message };
  if (status.kind === 'cancelled' || status.kind === 'finished') return { kind: 'cancelled' };
  return status.kind === 'unknown' ? status : giveBack();
};

const confirm = async (ports: Needs, cancelling: Verification): Promise<Cancellation> => {
  const to = change(cancelling, 'cancelConfirmed', {
    reason: cancelling.reportReason === undefined ? 'cancelled_by_customer' : 'reported_by_customer',
    endedAt: ports.clock.now(),
  });
  if (!to || (await ports.store.save(cancelling, to, { event: { kind: 'cancelled', verification: to } })) !== 'saved')
    return { kind: 'moved' };
  ports.observer.reached(to);
  return { kind: 'cancelled', verification: to };
};

/** Where a provider says no without saying when. */
const deniedWaitMs = 15 * secondMs;

const deny = async (ports: Needs, cancelling: Verification, retryAfterMs: number | undefined): Promise<Cancellation> => {
  const now = ports.clock.now();
  const waitMs = retryAfterMs ?? deniedWaitMs;
  // A report that was too early is forgotten: the customer is told when to come again.
  const fields = { cancellableAt: addMs(now, waitMs), reportReason: undefined };
  const to = change(cancelling, 'cancelDenied', { ...fields, dueAt: addMs(now, ports.timing.pollFirstMs) });
  return to && (await ports.store.save(cancelling, to)) === 'saved' ? { kind: 'early', retryAfterMs: waitMs } : { kind: 'moved' };
};

const fetchCode = async (
  ports: Needs,
  cancelling: Verification,
  provider: NumberProvider,
  activationId: string,
  answer: Extract<CancelOutcome, { kind: 'code' }>,
): Promise<Cancellation> => {
  const status = answer.message ? undefined : await provider.status(activationId);
  const message = answer.message ?? (status?.kind === 'code' ? status.message : undefined);
  const after = message && (await receiveMessage(ports)(cancelling, message));
  // Without the message nobody can be charged: ask again. One from before our lease is none.
  if (after === undefined || after.state === 'cancelling') return wait(ports, cancelling);
  return { kind: 'code' };
};

const wait = async (ports: Needs, cancelling: Verification): Promise<Cancellation> => {
  const now = ports.clock.now();
  const overAt = addMs(cancelling.expiresAt ?? now, ports.timing.giveUpMs);
  if (cancelling.expiresAt !== undefined && now >= overAt) {
    ports.observer.leak(cancelling, "cancelled without the provider's confirmation");
    return confirm(ports, cancelling);
  }
  await ports.store.reschedule(cancelling, retryAt(now, cancelling.attempts, ports.timing));
  return { kind: 'pending' };
};
