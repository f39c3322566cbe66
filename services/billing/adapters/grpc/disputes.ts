import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import * as proto from '#proto/namaskah/billing/v1/disputes.ts';
import type { getDispute } from '../../app/payments/get-dispute.ts';
import type { listDisputes } from '../../app/payments/list-disputes.ts';
import type { Dispute, DisputeStatus } from '../../domain/dispute.ts';
import { pageOf } from './mapping.ts';

export interface DisputeUseCases {
  readonly getDispute: ReturnType<typeof getDispute>;
  readonly listDisputes: ReturnType<typeof listDisputes>;
}

const statuses: Readonly<Record<DisputeStatus, proto.DisputeStatus>> = {
  open: proto.DisputeStatus.DISPUTE_STATUS_OPEN,
  won: proto.DisputeStatus.DISPUTE_STATUS_WON,
  lost: proto.DisputeStatus.DISPUTE_STATUS_LOST,
};

const disputeMessage = ({ status, amount, uncoveredMicros, ...dispute }: Dispute): proto.Dispute => ({
  ...{ id: dispute.id, tenantId: dispute.tenantId, paymentId: dispute.paymentId, status: statuses[status], amount },
  ...{ uncovered: money(amount.currency, uncoveredMicros), gateway: dispute.gateway, gatewayDisputeId: dispute.gatewayDisputeId },
  ...{ reason: dispute.reason, openedAt: dispute.openedAt, decidedAt: dispute.decidedAt },
});

export const disputeService = (billing: DisputeUseCases): BoundService =>
  grpcService(proto.DisputeServiceService, {
    getDispute: method(allowAny(), async ({ id }, { principal }) => ({
      dispute: disputeMessage(await billing.getDispute(principal.tenantId, id)),
    })),
    listDisputes: method(allowAny(), async ({ page, ...filter }, { principal }) => {
      const { disputes, nextCursor } = await billing.listDisputes(principal.tenantId, filter, pageOf(page));
      return { disputes: disputes.map(disputeMessage), nextCursor };
    }),
    listAllDisputes: method(allow('operator', 'system'), async ({ tenantId, page, ...filter }) => {
      const { disputes, nextCursor } = await billing.listDisputes(tenantId || undefined, filter, pageOf(page));
      return { disputes: disputes.map(disputeMessage), nextCursor };
    }),
  });
