import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import type { PolicyClass } from '../catalogue.ts';
import { isNew, limitsOf, type PolicyRules, type Standing } from './rules.ts';
import { countsOf, type Usage, usageAt } from './usage.ts';

/** Why a purchase is not allowed. The list is closed; each has an error code (app/policy/refusal.ts). */
const refusals = [
  'tenant_switched_off',
  'service_switched_off',
  'provider_switched_off',
  'service_blocked',
  'kyc_required',
  'success_floor',
  'open_activations',
  'open_rentals',
  'purchases_per_hour',
  'cancels_per_hour',
  'spend_per_day',
] as const;
export type PolicyRefusal = (typeof refusals)[number];

export interface Refused {
  readonly reason: PolicyRefusal;
  /** What the limit is, where one was reached; for the success floor its percentage. */
  readonly limit: bigint | undefined;
  readonly retryAfterMs: number | undefined;
  /** The limit is that of a new account. */
  readonly newAccount: boolean;
}

export interface Wish {
  readonly priceMicros: bigint;
  readonly at: Date;
  /** Of the service, an operator's word for this tenant included. */
  readonly policyClass: PolicyClass;
  readonly switchedOff: 'tenant' | 'service' | 'provider' | undefined;
}

export interface Decision {
  readonly refused: Refused | undefined;
  /** Afterwards: with the purchase when it is allowed, blocked when the floor was just missed. */
  readonly usage: Usage;
}

export const toEnd = (from: Date, periodMs: number, at: Date): number => Math.max(1_000, from.getTime() + periodMs - at.getTime());

/**
 * May this purchase begin? The rule that the database applies within the statement that writes the purchase
 * (migration 0030, policy_admit); admit.test.ts holds one against the other.
 */
export const admit = (rules: PolicyRules, standing: Standing, before: Usage, wish: Wish): Decision => {
  const { at } = wish;
  const usage = usageAt(before, at);
  const limits = limitsOf(rules, standing, at);
  const counts = countsOf(usage, at);
  const newAccount = isNew(rules, standing, at);
  const no = (reason: PolicyRefusal, limit?: bigint, retryAfterMs?: number, after = usage): Decision => ({
    refused: { reason, limit, retryAfterMs, newAccount },
    usage: after,
  });
  if (wish.switchedOff) return no(`${wish.switchedOff}_switched_off`);
  if (wish.policyClass === 'blocked') return no('service_blocked');
  if (wish.policyClass === 'restricted' && !rules.levels[standing.kycLevel].restricted) return no('kyc_required');
  const { minOutcomes, percent, blockMs } = rules.successFloor;
  if (usage.blockedUntil && usage.blockedUntil > at)
    return no('success_floor', BigInt(percent), usage.blockedUntil.getTime() - at.getTime());
  if (counts.outcomes >= minOutcomes && counts.paid * 100 < percent * counts.outcomes) {
    // Afterwards it begins anew: what led to the block is not held against the tenant twice.
    const cleared = { paid: 0, paidBefore: 0, unpaid: 0, unpaidBefore: 0, blockedUntil: addMs(at, blockMs) };
    return no('success_floor', BigInt(percent), blockMs, { ...usage, ...cleared });
  }
  if (counts.open >= limits.maxOpen) return no('open_activations', BigInt(limits.maxOpen));
  if (counts.purchasesPerHour >= limits.maxPurchasesPerHour)
    return no('purchases_per_hour', BigInt(limits.maxPurchasesPerHour), toEnd(usage.hour, hourMs, at));
  // A cancellation is never refused, it gives money back; who cancels too often may not buy for a while.
  if (counts.cancelsPerHour >= limits.maxCancelsPerHour)
    return no('cancels_per_hour', BigInt(limits.maxCancelsPerHour), toEnd(usage.hour, hourMs, at));
  if (counts.spentMicros + wish.priceMicros > limits.maxSpendPerDayMicros)
    return no('spend_per_day', limits.maxSpendPerDayMicros, toEnd(usage.day, dayMs, at));
  return {
    refused: undefined,
    usage: { ...usage, open: usage.open + 1, purchases: usage.purchases + 1, spentMicros: usage.spentMicros + wish.priceMicros },
  };
};
