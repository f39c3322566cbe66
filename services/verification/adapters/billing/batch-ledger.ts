import type { LedgerServiceService } from '#proto/namaskah/billing/v1/billing.ts';
import { type ErrorCode, toAppError } from '#platform/errors/index.ts';
import { type GrpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import type { BatchLedger } from '../../app/bulk/ports.ts';
import { undecidedCodes } from '../../app/undecided.ts';

/** Beyond the last purchase: each of them has a hold of its own by then. */
const settleMs = 10 * minuteMs;

/** After these there is nothing left to give back. */
const resolved: ReadonlySet<ErrorCode> = new Set([
  'billing.hold_released',
  'billing.hold_captured',
  'billing.hold_expired',
  'request.not_found',
]);

/** The reservation of a whole batch, at billing over gRPC. */
export const createBatchLedger = (client: Pick<GrpcClient<LedgerServiceService>, 'placeHold' | 'releaseHold'>): BatchLedger => ({
  reserve: async (batch, items, deadline) => {
    const { id, tenantId, currency, amountMicros, buyUntil, actor } = batch;
    try {
      const { hold } = await client.placeHold(
        {
          idempotencyKey: `batch:${id}`,
          amount: { currency, micros: amountMicros },
          product: 'verification',
          reference: id,
          description: `${items} numbers in one order`,
          expiresAt: addMs(buyUntil, settleMs),
          actor,
        },
        { principal: systemPrincipal('verification', tenantId), deadline },
      );
      if (hold === undefined) throw new Error('neither a hold nor an error');
      return { kind: 'held', holdId: hold.id };
    } catch (cause) {
      const error = toAppError(cause);
      return { kind: undecidedCodes.has(error.code) ? 'unknown' : 'refused', error };
    }
  },
  release: async ({ id, tenantId }, holdId) => {
    try {
      const request = { idempotencyKey: `batch-rest:${id}`, holdId };
      await client.releaseHold(request, { principal: systemPrincipal('verification', tenantId) });
      return 'done';
    } catch (error) {
      return resolved.has(toAppError(error).code) ? 'done' : 'unknown';
    }
  },
});
