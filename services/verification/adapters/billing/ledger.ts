import { LedgerServiceClient, type LedgerServiceService } from '#proto/namaskah/billing/v1/billing.ts';
import { appError, type ErrorCode, toAppError } from '#platform/errors/index.ts';
import { type GrpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import type { Ledger } from '../../app/ports.ts';

export { LedgerServiceClient };

/** After these nobody knows whether the hold exists. Every other error is billing's considered answer. */
const unknownCodes: ReadonlySet<ErrorCode> = new Set([
  'platform.unavailable',
  'platform.overloaded',
  'platform.deadline_exceeded',
  'platform.internal',
  'request.cancelled',
  'request.idempotency_in_progress',
]);

/** Billing over gRPC. Verification holds in its own name: the customer's role was checked when the verification was asked for. */
export const createLedger = (client: Pick<GrpcClient<LedgerServiceService>, 'placeHold'>): Ledger => ({
  placeHold: async ({ tenantId, verificationId, amount, description, expiresAt, deadline }) => {
    try {
      const { hold } = await client.placeHold(
        {
          idempotencyKey: `verification:${verificationId}`,
          amount: { currency: amount.currency, micros: amount.micros },
          product: 'verification',
          reference: verificationId,
          description,
          expiresAt,
        },
        { principal: systemPrincipal('verification', tenantId), deadline },
      );
      return hold
        ? { kind: 'held', holdId: hold.id }
        : { kind: 'unknown', error: appError('platform.internal', { cause: 'an answer without a hold' }) };
    } catch (cause) {
      const error = toAppError(cause);
      return { kind: unknownCodes.has(error.code) ? 'unknown' : 'refused', error };
    }
  },
});
