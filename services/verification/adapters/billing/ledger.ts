import { LedgerServiceClient, type LedgerServiceService, type PlaceHoldsResponse_Result } from '#proto/namaskah/billing/v1/billing.ts';
import { appError, toAppError } from '#platform/errors/index.ts';
import { errorOfDetail, type GrpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { coalesce } from '#platform/postgres/index.ts';
import type { HoldOutcome, Ledger } from '../../app/ports.ts';
import { undecidedCodes } from '../../app/undecided.ts';

export { LedgerServiceClient };

type Request = Parameters<Ledger['placeHold']>[0];

/** What a hold is for: the purchase, a further code, or a code that came late. Asking again for the same finds the same hold. */
const keyOf = ({ verificationId, code, lateMessage }: Request): string => {
  if (lateMessage !== undefined) return `verification:${verificationId}:late:${lateMessage}`;
  return code === undefined ? `verification:${verificationId}` : `verification:${verificationId}:${code.position}:${code.askedAt}`;
};

const itemOf = (request: Request) => {
  const { tenantId, verificationId, amount, quoteId, fromHoldId, actor, description, expiresAt } = request;
  return {
    tenantId,
    hold: {
      idempotencyKey: keyOf(request),
      amount: { currency: amount.currency, micros: amount.micros },
      product: 'verification',
      reference: verificationId,
      description,
      expiresAt,
      quoteId,
      fromHoldId,
      actor,
    },
  };
};

const outcomeOf = (result: PlaceHoldsResponse_Result | undefined): HoldOutcome => {
  if (result?.hold) return { kind: 'held', holdId: result.hold.id };
  const error = result?.error && errorOfDetail(result.error, undefined);
  return error === undefined
    ? { kind: 'unknown', error: appError('platform.internal', { cause: 'neither a hold nor a known error' }) }
    : { kind: undecidedCodes.has(error.code) ? 'unknown' : 'refused', error };
};

/** A call under way carries the next one's passengers; more than two at once would only make smaller batches. */
const batching = { maxBatch: 128, maxConcurrent: 1, maxWaiting: 5_000 } as const;

/**
 * Billing over gRPC. Verification holds in its own name: the customer's role was checked when the verification was asked
 * for. Purchases beside each other travel in one call, which is most of what a hold costs both sides.
 */
export const createLedger = (client: Pick<GrpcClient<LedgerServiceService>, 'placeHolds' | 'releaseHold'>): Ledger => {
  const place = coalesce<Request, HoldOutcome>({
    ...batching,
    run: async (requests) => {
      // The last of the deadlines: an item that is late spoils nothing for those that are not.
      const deadline = new Date(Math.max(...requests.map((request) => request.deadline.getTime())));
      const principal = systemPrincipal('verification', requests[0]?.tenantId ?? '');
      const { results } = await client.placeHolds({ items: requests.map(itemOf) }, { principal, deadline });
      return requests.map((_, index) => outcomeOf(results[index]));
    },
  });
  return {
    giveBack: async (tenantId, holdId) => {
      const request = { idempotencyKey: `verification:${holdId}:unused`, holdId };
      try {
        await client.releaseHold(request, { principal: systemPrincipal('verification', tenantId) });
        return true;
      } catch (error) {
        // Any considered answer says that there is nothing left to give back.
        return !undecidedCodes.has(toAppError(error).code);
      }
    },
    placeHold: async (request) => {
      try {
        return await place(request);
      } catch (cause) {
        const error = toAppError(cause);
        return { kind: undecidedCodes.has(error.code) ? 'unknown' : 'refused', error };
      }
    },
  };
};
