import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { benefitEnd, normalCode, type RedeemRefusal, refusalOf } from '../../domain/prices/promotion.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkKey, refuseInvalid } from '../checks.ts';
import type { Promotions, Redemption } from './ports.ts';

const words: Readonly<Record<RedeemRefusal, string>> = {
  unknown: 'There is no such code.',
  not_started: 'This code cannot be redeemed yet.',
  ended: 'This code has ended.',
  used_up: 'This code has been redeemed as often as it may be.',
  redeemed: 'This code has been redeemed for this account.',
  not_new: 'This code is for a first purchase.',
  minimum: 'This code needs a larger payment first.',
};

const refused = (reason: RedeemRefusal): Error => appError('billing.promotion_refused', { message: words[reason], meta: { reason } });

/**
 * Redeems a code for a tenant: a credit goes into the wallet, a discount counts from now on. Limits hold whoever else redeems at the
 * same moment. Repeated with its key it answers as the first time.
 * @throws request.invalid · request.idempotency_conflict · billing.promotion_refused with meta {reason}
 */
export const redeemPromotion =
  ({ promotions, clock }: { readonly promotions: Promotions; readonly clock: Clock }) =>
  async (
    tenantId: string,
    { idempotencyKey, code: given }: { readonly idempotencyKey: string; readonly code: string },
  ): Promise<Redemption> => {
    const code = normalCode(given);
    refuseInvalid(checkKey(idempotencyKey), check(code.length > 0 && code.length <= 40, 'code', '3 to 40 characters.'));
    const command = { tenantId, idempotencyKey, request: canonicalRequest('redeem', code), code };
    const result = await promotions.redeem(command, async ({ promotion, facts, redeem }) => {
      const now = clock.now();
      const refusal = refusalOf(promotion, await facts(), now);
      if (refusal !== undefined) throw refused(refusal);
      const { id: promotionId, kind, percentPpm, amountMicros, currency, products } = promotion;
      const redemption: Redemption = {
        ...{ id: newId(), tenantId, promotionId, code, kind, percentPpm, amountMicros, currency, products },
        ...{ transferId: kind === 'credit' ? newId() : undefined, benefitEndsAt: benefitEnd(promotion, now), createdAt: now },
      };
      await redeem(redemption);
      return redemption;
    });
    if (result === undefined) throw refused('unknown');
    if (result.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    return result.redemption;
  };
