import { allow, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import * as proto from '#proto/namaskah/billing/v1/adjustments.ts';
import type { decideAdjustment } from '../../app/adjustments/decide-adjustment.ts';
import type { getAdjustment } from '../../app/adjustments/get-adjustment.ts';
import type { listAdjustments } from '../../app/adjustments/list-adjustments.ts';
import type { proposeAdjustment } from '../../app/adjustments/propose-adjustment.ts';
import type { Adjustment, AdjustmentStatus } from '../../domain/adjustment.ts';
import { amountOf, pageOf } from './mapping.ts';

export interface AdjustmentUseCases {
  readonly proposeAdjustment: ReturnType<typeof proposeAdjustment>;
  readonly decideAdjustment: ReturnType<typeof decideAdjustment>;
  readonly getAdjustment: ReturnType<typeof getAdjustment>;
  readonly listAdjustments: ReturnType<typeof listAdjustments>;
}

const statuses: Readonly<Record<AdjustmentStatus, proto.AdjustmentStatus>> = {
  proposed: proto.AdjustmentStatus.ADJUSTMENT_STATUS_PROPOSED,
  posted: proto.AdjustmentStatus.ADJUSTMENT_STATUS_POSTED,
  rejected: proto.AdjustmentStatus.ADJUSTMENT_STATUS_REJECTED,
  expired: proto.AdjustmentStatus.ADJUSTMENT_STATUS_EXPIRED,
};
const statusOf = (status: proto.AdjustmentStatus): AdjustmentStatus | undefined =>
  (Object.keys(statuses) as AdjustmentStatus[]).find((name) => statuses[name] === status);

const adjustmentMessage = (adjustment: Adjustment): proto.Adjustment => ({
  id: adjustment.id,
  tenantId: adjustment.tenantId,
  status: statuses[adjustment.status],
  amount: money(adjustment.currency, adjustment.amountMicros),
  reason: adjustment.reason,
  note: adjustment.note,
  proposedBy: adjustment.proposedBy,
  proposedAt: adjustment.proposedAt,
  expiresAt: adjustment.status === 'proposed' ? adjustment.expiresAt : undefined,
  decidedBy: adjustment.decidedBy ?? '',
  decisionNote: adjustment.decisionNote,
  decidedAt: adjustment.decidedAt,
  transactionId: adjustment.transferId ?? '',
  refundOf: adjustment.refundOf ?? '',
});

/** Those who run the platform; nobody of a tenant. */
const operators = allow('operator', 'system');

export const adjustmentService = (billing: AdjustmentUseCases): BoundService =>
  grpcService(proto.AdjustmentServiceService, {
    proposeAdjustment: method(operators, async ({ amount, ...request }, { principal }) => ({
      adjustment: adjustmentMessage(await billing.proposeAdjustment(principal.subject, { ...request, amount: amountOf(amount) })),
    })),
    refundCharge: method(operators, async ({ amount, transactionId: refundOf, ...request }, { principal }) => ({
      adjustment: adjustmentMessage(await billing.proposeAdjustment(principal.subject, { ...request, refundOf, amount: amountOf(amount) })),
    })),
    approveAdjustment: method(operators, async ({ id, note }, { principal }) => ({
      adjustment: adjustmentMessage(await billing.decideAdjustment(principal.subject, { id, decision: 'posted', note })),
    })),
    rejectAdjustment: method(operators, async ({ id, note }, { principal }) => ({
      adjustment: adjustmentMessage(await billing.decideAdjustment(principal.subject, { id, decision: 'rejected', note })),
    })),
    getAdjustment: method(operators, async ({ id }) => ({ adjustment: adjustmentMessage(await billing.getAdjustment(id)) })),
    listAdjustments: method(operators, async ({ page, tenantId, status }) => {
      const asked = pageOf(page);
      const { adjustments, nextCursor } = await billing.listAdjustments(tenantId, statusOf(status), asked);
      return { adjustments: adjustments.map(adjustmentMessage), nextCursor };
    }),
  });
