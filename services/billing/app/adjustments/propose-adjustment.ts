import { appError } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs, type Clock, dayMs } from '#platform/time/index.ts';
import {
  type Adjustment,
  type AdjustmentReason,
  adjustmentReasons,
  isAdjustmentReason,
  needsSecondOperator,
} from '../../domain/adjustment.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkAmount, checkKey, refuseInvalid, requireId } from '../checks.ts';
import { postAdjustment } from './post-adjustment.ts';
import type { AdjustmentPolicy, AdjustmentTransactions, AdjustmentUnit } from './ports.ts';

export interface ProposeAdjustmentRequest {
  readonly idempotencyKey: string;
  readonly tenantId: string;
  /** Negative: a debit. */
  readonly amount: Money;
  readonly reason: string;
  readonly note: string;
  /** A refund of this charge. */
  readonly refundOf?: string;
}

export interface ProposeAdjustmentDependencies {
  readonly adjustments: AdjustmentTransactions;
  readonly clock: Clock;
  readonly policy: AdjustmentPolicy;
}

const checkRequest = ({ idempotencyKey, tenantId, amount, reason, note, refundOf }: ProposeAdjustmentRequest): void => {
  const { currency, micros } = amount;
  refuseInvalid(
    checkKey(idempotencyKey),
    check(isUuid(tenantId), 'tenant_id', 'Must be the id of a tenant.'),
    checkAmount({ currency, micros: refundOf === undefined && micros < 0n ? -micros : micros }),
    check(isAdjustmentReason(reason), 'reason', `One of ${adjustmentReasons.join(', ')}.`),
    check(note.trim().length >= 10 && note.length <= 1_000, 'note', 'Send 10 to 1,000 characters: what an auditor needs to understand it.'),
  );
  if (refundOf !== undefined) requireId(refundOf);
};

/**
 * Credits or debits a wallet, or gives a charge back: at once, or when a second operator agrees.
 * @param operator who does it: the subject of the principal
 * @returns posted or proposed; the same on repetition, as it is then
 * @throws request.invalid · request.not_found (no such wallet, no such charge) · billing.insufficient_credit · billing.refund_exceeds_charge
 *   · request.idempotency_conflict
 */
export const proposeAdjustment = ({ adjustments, clock, policy }: ProposeAdjustmentDependencies) => {
  const conclude = async (unit: AdjustmentUnit, proposal: Adjustment): Promise<Adjustment> => {
    const since = addMs(proposal.proposedAt, -dayMs);
    const recent = await unit.postedAlone(proposal.proposedBy, proposal.tenantId, since);
    return needsSecondOperator(proposal.amountMicros, recent, policy.limitMicros[proposal.currency] ?? 0n)
      ? proposal
      : postAdjustment(unit, { ...proposal, decidedAt: proposal.proposedAt }, newId());
  };

  return async (operator: string, request: ProposeAdjustmentRequest): Promise<Adjustment> => {
    checkRequest(request);
    const { idempotencyKey, tenantId, amount, reason, note, refundOf } = request;
    const canonical = canonicalRequest('adjust', tenantId, amount.currency, amount.micros, reason, note, refundOf ?? '');
    const now = clock.now();
    return adjustments.run(async (unit) => {
      await unit.lockOperator(operator);
      const before = await unit.earlier(operator, idempotencyKey);
      if (before?.isSame(canonical) === false) throw appError('request.idempotency_conflict');
      if (before !== undefined) return before.adjustment;
      if (!(await unit.hasWallet(tenantId, amount.currency))) throw appError('request.not_found');
      const concluded = await conclude(unit, {
        id: newId(),
        tenantId,
        currency: amount.currency,
        amountMicros: amount.micros,
        reason: reason as AdjustmentReason,
        note,
        status: 'proposed',
        refundOf,
        proposedBy: operator,
        proposedAt: now,
        expiresAt: addMs(now, policy.lifetimeMs),
        decidedBy: undefined,
        decisionNote: '',
        decidedAt: undefined,
        transferId: undefined,
        version: 1n,
      });
      await unit.add(concluded, { idempotencyKey, request: canonical });
      await unit.record({ kind: concluded.status === 'posted' ? 'posted' : 'proposed', adjustment: concluded });
      return concluded;
    });
  };
};
