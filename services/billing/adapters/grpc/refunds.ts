import { appError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import * as proto from '#proto/namaskah/billing/v1/refunds.ts';
import type { getRefund } from '../../app/payments/get-refund.ts';
import type { listRefunds } from '../../app/payments/list-refunds.ts';
import type { requestRefund } from '../../app/payments/request-refund.ts';
import type { Refund, RefundStatus } from '../../domain/refund.ts';
import { pageOf } from './mapping.ts';

export interface RefundUseCases {
  readonly requestRefund: ReturnType<typeof requestRefund>;
  readonly getRefund: ReturnType<typeof getRefund>;
  readonly listRefunds: ReturnType<typeof listRefunds>;
}

const statuses: Readonly<Record<RefundStatus, proto.RefundStatus>> = {
  pending: proto.RefundStatus.REFUND_STATUS_PENDING,
  succeeded: proto.RefundStatus.REFUND_STATUS_SUCCEEDED,
  failed: proto.RefundStatus.REFUND_STATUS_FAILED,
};

const refundMessage = ({ id, paymentId, status, amount, gateway, cause, reason, ...refund }: Refund): proto.Refund => ({
  id,
  paymentId,
  status: statuses[status],
  amount,
  gateway,
  cause,
  reason,
  requestedBy: refund.requestedBy,
  failureReason: refund.failureReason,
  createdAt: refund.createdAt,
  settledAt: refund.settledAt,
});

export const refundService = (billing: RefundUseCases): BoundService =>
  grpcService(proto.RefundServiceService, {
    // Only back to where it came from, hence nothing that a stolen session of an admin could take away.
    requestRefund: method(allow('system', 'owner', 'admin', { scope: 'payments:write' }), async (request, { principal }) => ({
      refund: refundMessage(await billing.requestRefund(principal.tenantId, { cause: 'customer', subject: principal.subject }, request)),
    })),
    requestRefundFor: method(allow('operator', 'system'), async ({ tenantId, refund }, { principal }) => {
      if (!isUuid(tenantId)) throw appError('request.invalid', { fields: [{ field: 'tenant_id', reason: 'Must be an id.' }] });
      const request = refund ?? proto.RequestRefundRequest.create();
      return { refund: refundMessage(await billing.requestRefund(tenantId, { cause: 'operator', subject: principal.subject }, request)) };
    }),
    getRefund: method(allowAny(), async ({ id }, { principal }) => ({
      refund: refundMessage(await billing.getRefund(principal.tenantId, id)),
    })),
    listRefunds: method(allowAny(), async ({ page, paymentId }, { principal }) => {
      const asked = pageOf(page);
      const { refunds, nextCursor } = await billing.listRefunds(principal.tenantId, paymentId, asked);
      return { refunds: refunds.map(refundMessage), nextCursor };
    }),
  });
