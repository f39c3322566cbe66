import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { type Adjustment, judgeDecision } from '../../domain/adjustment.ts';
import { checkText, refuseInvalid, requireId } from '../checks.ts';
import { postAdjustment } from './post-adjustment.ts';
import type { AdjustmentTransactions } from './ports.ts';

export interface DecideAdjustmentRequest {
  readonly id: string;
  readonly decision: 'posted' | 'rejected';
  readonly note: string;
}

/**
 * A second operator approves, or anybody rejects, what waits. Of two who decide at once one does; the same decision by the same
 * operator again is answered like the first.
 * @throws request.not_found · billing.self_approval · billing.adjustment_decided (also: too late) · billing.insufficient_credit and
 *   billing.refund_exceeds_charge (then it still waits)
 */
export const decideAdjustment =
  ({ adjustments, clock }: { readonly adjustments: AdjustmentTransactions; readonly clock: Clock }) =>
  async (operator: string, { id, decision, note }: DecideAdjustmentRequest): Promise<Adjustment> => {
    requireId(id);
    refuseInvalid(checkText(note, 'note', 1_000));
    const now = clock.now();
    return adjustments.run(async (unit) => {
      const found = await unit.find(id);
      if (found === undefined) throw appError('request.not_found');
      switch (judgeDecision(found, decision, operator, now)) {
        case 'repeated':
          return found;
        case 'decided':
          throw appError('billing.adjustment_decided', { meta: { status: found.status } });
        case 'expired':
          throw appError('billing.adjustment_decided', {
            message: 'Nobody decided in time: propose it again.',
            meta: { status: 'expired' },
          });
        case 'own':
          throw appError('billing.self_approval');
        case 'may_decide':
      }
      const chosen = { ...found, decidedBy: operator, decisionNote: note, decidedAt: now, version: found.version + 1n };
      const decided = decision === 'posted' ? await postAdjustment(unit, chosen, newId()) : { ...chosen, status: decision };
      await unit.decide(decided);
      await unit.record({ kind: decision === 'posted' ? 'posted' : 'dropped', adjustment: decided });
      return decided;
    });
  };
