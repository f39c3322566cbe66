import { appError, isAppError } from '#platform/errors/index.ts';
import { type CancelNeeds, refuseEarly, tryCancel } from '../cancel-verification.ts';
import { amend } from '../../domain/lifecycle.ts';
import type { ReportReason, Verification } from '../../domain/verification.ts';
import { type VerificationView, viewOf } from '../view.ts';

const patienceMs = [20, 40, 80, 160, 300, 400, 500] as const;

/**
 * The customer says that a number is bad. Without a code the provider is told and the full price goes back, like with a cancellation, and
 * as often: once. With a code, or after the end, the report is only kept. The first report counts; repeating it answers the same.
 * @throws request.not_found · verification.early_cancel: the provider takes nothing back yet
 */
export const reportNumber =
  (ports: CancelNeeds) =>
  async (request: { tenantId: string; id: string; reason: ReportReason }): Promise<VerificationView> => {
    for (const ms of patienceMs) {
      const present = await read(ports, request);
      if (present.reportReason !== undefined && present.state !== 'cancelling') return viewOf(ports.sealer, present);
      switch (present.state) {
        case 'reserving':
        case 'unknown':
          throw appError('verification.early_cancel', { retryAfterMs: ports.timing.reconcileGraceMs });
        case 'waiting': {
          refuseEarly(ports, present);
          const done = await giveBack(ports, present, request.reason);
          if (done) return viewOf(ports.sealer, done);
          break;
        }
        case 'cancelling':
          // A cancellation is under way: it decides.
          await ports.pause(ms);
          break;
        default: {
          const kept = amend(present, { reportReason: request.reason });
          if ((await ports.store.save(present, kept)) === 'saved') return viewOf(ports.sealer, kept);
        }
      }
    }
    return viewOf(ports.sealer, await read(ports, request));
  };

/** A code that is faster wins; then the report is kept beside it in the next turn. */
const giveBack = async (ports: CancelNeeds, waiting: Verification, reason: ReportReason): Promise<Verification | undefined> => {
  try {
    return await tryCancel(ports, waiting, reason);
  } catch (error) {
    if (isAppError(error, 'verification.code_already_received')) return undefined;
    throw error;
  }
};

const read = async ({ store }: CancelNeeds, { tenantId, id }: { tenantId: string; id: string }): Promise<Verification> => {
  const verification = await store.find(tenantId, id);
  if (!verification) throw appError('request.not_found');
  return verification;
};
