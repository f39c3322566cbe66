import { appError } from '#platform/errors/index.ts';
import { addMs } from '#platform/time/index.ts';
import { change } from '../domain/lifecycle.ts';
import { isPaid } from '../domain/state.ts';
import type { ReportReason, Verification } from '../domain/verification.ts';
import type { Ports } from './ports.ts';
import { settleCancellation } from './settle-cancellation.ts';
import { type VerificationView, viewOf } from './view.ts';
import type { ReceivePorts } from './receive-message.ts';

export type CancelNeeds = ReceivePorts & Pick<Ports, 'providers' | 'pause'>;

/** How long a second cancel waits for the first. */
const patienceMs = [20, 40, 80, 160, 300, 400] as const;

/**
 * Full price back, unless a code exists. Of a cancel and a code that race, exactly one wins. When the provider gives no
 * answer, the verification is returned still waiting and the scheduler settles it.
 * @throws request.not_found, verification.code_already_received | not_cancellable | early_cancel
 */
export const cancelVerification =
  (ports: CancelNeeds) =>
  async (request: { tenantId: string; id: string }): Promise<VerificationView> => {
    let present = await read(ports, request);
    for (const ms of patienceMs) {
      refusePaid(present);
      if (present.state === 'cancelled') return viewOf(ports.sealer, present);
      if (present.state === 'expired' || present.state === 'failed') throw appError('verification.not_cancellable');
      // Without an activation there is nothing to take back yet.
      if (present.state === 'reserving' || present.state === 'unknown')
        throw appError('verification.early_cancel', { retryAfterMs: ports.timing.reconcileGraceMs });
      if (present.state === 'waiting') {
        refuseEarly(ports, present);
        const done = await tryCancel(ports, present, undefined);
        if (done) return viewOf(ports.sealer, done);
      } else await ports.pause(ms);
      present = await read(ports, request);
    }
    refusePaid(present);
    return viewOf(ports.sealer, present);
  };

const refusePaid = (verification: Verification): void => {
  if (isPaid(verification.state)) throw appError('verification.code_already_received');
};

const earlyCancel = (retryAfterMs: number): Error =>
  appError('verification.early_cancel', { message: 'The provider does not take the number back yet; try again later.', retryAfterMs });

/** The provider would say no: it need not be asked. */
export const refuseEarly = ({ clock }: Pick<Ports, 'clock'>, { cancellableAt }: Verification): void => {
  const waitMs = (cancellableAt?.getTime() ?? 0) - clock.now().getTime();
  if (waitMs > 0) throw earlyCancel(waitMs);
};

const read = async (ports: CancelNeeds, { tenantId, id }: { tenantId: string; id: string }): Promise<Verification> => {
  const verification = await ports.store.find(tenantId, id);
  if (!verification) throw appError('request.not_found');
  return verification;
};

/** @returns the verification when this call settled it; undefined when somebody else changed it first */
export const tryCancel = async (
  ports: CancelNeeds,
  waiting: Verification,
  reportReason: ReportReason | undefined,
): Promise<Verification | undefined> => {
  // Should this process die now, the scheduler settles the cancellation after the provider's time-out.
  const cancelling = change(waiting, 'cancelAsked', {
    reportReason,
    dueAt: addMs(ports.clock.now(), 2 * ports.timing.providerTimeoutMs),
  });
  if (!cancelling || (await ports.store.save(waiting, cancelling)) !== 'saved') return undefined;
  const answer = await settleCancellation(ports)(cancelling, { askFirst: false });
  switch (answer.kind) {
    case 'cancelled':
      return answer.verification;
    case 'pending':
      return cancelling;
    case 'early':
      throw earlyCancel(answer.retryAfterMs);
    case 'code':
      throw appError('verification.code_already_received');
    case 'moved':
      return undefined;
  }
};
