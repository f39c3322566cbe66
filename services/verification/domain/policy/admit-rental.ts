import { dayMs, hourMs } from '#platform/time/index.ts';
import type { RentalOrder } from '../rental/rental.ts';
import { type Decision, type PolicyRefusal, toEnd, type Wish } from './admit.ts';
import { isNew, limitsOf, type PolicyRules, type Standing } from './rules.ts';
import { countsOf, type Usage, usageAt } from './usage.ts';

export interface RentalWish extends Wish {
  readonly kind: RentalOrder['kind'];
  /** Rented, or being rented, at this moment. */
  readonly openRentals: number;
}

/**
 * May this order for a rental begin? The rule that the database applies in the transaction that writes the order (migration 0045,
 * policy_admit_rental). Switches and classes stop every order. Of the limits, an extension has that of the day only; a renewal,
 * which was agreed upon long before, none. The success floor is about codes, and asks nothing of rentals.
 */
export const admitRental = (rules: PolicyRules, standing: Standing, before: Usage, wish: RentalWish): Decision => {
  const { at, kind } = wish;
  const usage = usageAt(before, at);
  const limits = limitsOf(rules, standing, at);
  const counts = countsOf(usage, at);
  const newAccount = isNew(rules, standing, at);
  const no = (reason: PolicyRefusal, limit?: bigint, retryAfterMs?: number): Decision => ({
    refused: { reason, limit, retryAfterMs, newAccount },
    usage,
  });
  if (wish.switchedOff) return no(`${wish.switchedOff}_switched_off`);
  if (wish.policyClass === 'blocked') return no('service_blocked');
  if (wish.policyClass === 'restricted' && !rules.levels[standing.kycLevel].restricted) return no('kyc_required');
  const isPurchase = kind === 'purchase';
  if (isPurchase && wish.openRentals >= limits.maxOpenRentals) return no('open_rentals', BigInt(limits.maxOpenRentals));
  if (isPurchase && counts.purchasesPerHour >= limits.maxPurchasesPerHour)
    return no('purchases_per_hour', BigInt(limits.maxPurchasesPerHour), toEnd(usage.hour, hourMs, at));
  if (isPurchase && counts.cancelsPerHour >= limits.maxCancelsPerHour)
    return no('cancels_per_hour', BigInt(limits.maxCancelsPerHour), toEnd(usage.hour, hourMs, at));
  if (kind !== 'renewal' && counts.spentMicros + wish.priceMicros > limits.maxSpendPerDayMicros)
    return no('spend_per_day', limits.maxSpendPerDayMicros, toEnd(usage.day, dayMs, at));
  return {
    refused: undefined,
    usage: { ...usage, purchases: usage.purchases + (isPurchase ? 1 : 0), spentMicros: usage.spentMicros + wish.priceMicros },
  };
};
