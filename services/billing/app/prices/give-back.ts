import { appError, isAppError } from '#platform/errors/index.ts';
import { formatDecimal, type Money } from '#platform/money/index.ts';
import type { ChargeReader, ChargeStory } from './ports.ts';

export interface GiveBackRequest {
  readonly idempotencyKey: string;
  readonly product: string;
  readonly reference: string;
  readonly amount: Money;
  readonly reason: string;
}
type Refund = (
  tenantId: string,
  request: {
    readonly idempotencyKey: string;
    readonly transferId: string;
    readonly amount: Money;
    readonly reason: string;
    readonly reference: string;
  },
) => Promise<string>;

/**
 * Gives back what the selling service charged, named by what was bought, whole or in part: to the credit that it was taken from. The
 * refund has the reference of its charge, so that both are found by it.
 * @returns id of the transfer; the same on repetition
 * @throws request.not_found when nothing was charged · billing.refund_exceeds_charge with meta {refundable}: what is left of it · as refundCharge
 */
export const giveBack =
  ({ charges, refundCharge }: { readonly charges: ChargeReader; readonly refundCharge: Refund }) =>
  async (tenantId: string, { product, reference, ...request }: GiveBackRequest): Promise<string> => {
    const story = await charges.byPurchase(tenantId, product, reference);
    // One purchase is one charge, oldest first; what follows are refunds of it.
    const charge = story?.charges.find(({ type }) => type === 'charge');
    if (story === undefined || charge === undefined) throw appError('request.not_found');
    try {
      return await refundCharge(tenantId, { ...request, transferId: charge.transactionId, reference: story.reference });
    } catch (error) {
      if (!isAppError(error, 'billing.refund_exceeds_charge')) throw error;
      // Read again: what has taken the rest of it may have come since.
      const left = leftOf(await charges.byPurchase(tenantId, product, reference));
      throw appError('billing.refund_exceeds_charge', { meta: { refundable: formatDecimal(left) } });
    }
  };

const leftOf = (story: ChargeStory | undefined): bigint => {
  const left = story?.charges.reduce((sum, { type, amount }) => (type === 'refund' ? sum - amount.micros : sum + amount.micros), 0n) ?? 0n;
  return left > 0n ? left : 0n;
};
