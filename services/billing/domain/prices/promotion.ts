/** percent and fixed take something off every price for a while; credit goes into the wallet once. */
export const promotionKinds = ['percent', 'fixed', 'credit'] as const;
export type PromotionKind = (typeof promotionKinds)[number];

export interface Promotion {
  readonly id: string;
  /** In upper case. */
  readonly code: string;
  readonly kind: PromotionKind;
  /** Of percent; else 0. */
  readonly percentPpm: bigint;
  /** Of fixed (off each unit) and credit; else 0. */
  readonly amountMicros: bigint;
  readonly currency: string;
  /** Empty: all. */
  readonly products: readonly string[];
  /** percent, fixed: prices below it are left alone. credit: paid in so far, at least. */
  readonly minimumMicros: bigint;
  readonly firstPurchaseOnly: boolean;
  readonly startsAt: Date;
  readonly endsAt: Date | undefined;
  /** 0: unlimited. */
  readonly totalLimit: number;
  readonly tenantLimit: number;
  /** 0: as long as the promotion. */
  readonly benefitDays: number;
  readonly redeemed: number;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** What a tenant has from a redemption of kind percent or fixed, while it lasts. */
export interface Benefit {
  readonly promotionId: string;
  readonly code: string;
  readonly kind: 'percent' | 'fixed';
  readonly percentPpm: bigint;
  readonly amountMicros: bigint;
  readonly currency: string;
  readonly products: readonly string[];
  readonly minimumMicros: bigint;
  readonly endsAt: Date | undefined;
}

/** What a redemption depends on besides the promotion itself. */
export interface RedeemerFacts {
  readonly redeemedByTenant: number;
  readonly hasBought: boolean;
  readonly paidInMicros: bigint;
}

const redeemRefusals = ['unknown', 'not_started', 'ended', 'used_up', 'redeemed', 'not_new', 'minimum'] as const;
export type RedeemRefusal = (typeof redeemRefusals)[number];

/** Why this tenant may not redeem it now; undefined: it may. */
export const refusalOf = (promotion: Promotion, facts: RedeemerFacts, now: Date): RedeemRefusal | undefined => {
  if (now < promotion.startsAt) return 'not_started';
  if (promotion.endsAt !== undefined && now >= promotion.endsAt) return 'ended';
  if (promotion.tenantLimit > 0 && facts.redeemedByTenant >= promotion.tenantLimit) return 'redeemed';
  if (promotion.totalLimit > 0 && promotion.redeemed >= promotion.totalLimit) return 'used_up';
  if (promotion.firstPurchaseOnly && facts.hasBought) return 'not_new';
  if (promotion.kind === 'credit' && facts.paidInMicros < promotion.minimumMicros) return 'minimum';
  return undefined;
};

const dayMs = 24 * 3_600_000;

/** @returns the end of the benefit; undefined: open, or a credit, which is given once and stays */
export const benefitEnd = ({ kind, benefitDays, endsAt }: Promotion, now: Date): Date | undefined => {
  if (kind === 'credit') return undefined;
  return benefitDays > 0 ? new Date(now.getTime() + benefitDays * dayMs) : endsAt;
};

export const normalCode = (code: string): string => code.trim().toUpperCase();
export const codePattern = /^[A-Z0-9][A-Z0-9-]{2,39}$/;
