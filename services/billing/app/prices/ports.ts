import type { Money } from '#platform/money/index.ts';
import type { BookState, PriceBook, Span } from '../../domain/prices/version.ts';
import type { EffectiveBook, Scope } from '../../domain/prices/book.ts';
import type { Customer } from '../../domain/prices/engine.ts';
import type { Benefit, Promotion, PromotionKind, RedeemerFacts } from '../../domain/prices/promotion.ts';
import type { Quote } from '../../domain/prices/quote.ts';
import type { Conflict, PageAsk } from '../ports.ts';

/** The plan that a tenant has, and what it takes off. */
export interface PlanDiscounts {
  planOf(tenantId: string, at: Date): Promise<string>;
  /** Undefined: there is no such plan. */
  discountPpm(plan: string): bigint | undefined;
}

export interface Path {
  /** tenant → plan → default, those of them that are effective. */
  readonly books: readonly EffectiveBook[];
  /** When other versions begin or these end; undefined: nothing is planned. */
  readonly nextChange: Date | undefined;
}

/** What prices are made of; each question is about many tenants and one round trip. */
export interface PriceSources {
  /** One path for each tenant, in their order. */
  paths(tenants: readonly { readonly tenantId: string; readonly plan: string }[], at: Date): Promise<readonly Path[]>;
  /** Of tenants that have any. */
  benefits(tenantIds: readonly string[], at: Date): Promise<ReadonlyMap<string, readonly Benefit[]>>;
  month(tenantId: string, at: Date): Promise<Customer['month']>;
}

export interface Quotes {
  /** The same promise again is the same quote, and lives as long as the longer of both. @returns them in their order */
  save(quotes: readonly Quote[]): Promise<readonly Quote[]>;
  find(tenantId: string, id: string): Promise<Quote | undefined>;
}

export interface ExplainedCharge {
  readonly transactionId: string;
  readonly type: string;
  readonly amount: Money;
  readonly at: Date;
}
export interface ChargeStory {
  readonly charges: readonly ExplainedCharge[];
  readonly description: string;
  readonly product: string;
  readonly reference: string;
  /** captured: what was charged for it in all, before or after it was resolved. */
  readonly hold:
    | { readonly id: string; readonly amount: Money; readonly captured: Money; readonly quoteId: string | undefined }
    | undefined;
}
export interface ChargeReader {
  byTransaction(tenantId: string, transactionId: string): Promise<ChargeStory | undefined>;
  /** Products hold under the key "<product>:<reference>". */
  byPurchase(tenantId: string, product: string, reference: string): Promise<ChargeStory | undefined>;
}

export interface PriceBookFilter {
  readonly scope?: Scope;
  readonly plan?: string;
  readonly tenantId?: string;
  readonly state?: BookState;
}
export interface PriceBooks {
  add(
    book: PriceBook,
    keyed: { readonly idempotencyKey: string; readonly request: string },
  ): Promise<{ readonly outcome: 'done' | 'replayed'; readonly book: PriceBook } | Conflict>;
  find(id: string): Promise<PriceBook | undefined>;
  /** Newest first, their content without rules. */
  list(
    filter: PriceBookFilter,
    page: PageAsk,
  ): Promise<{ readonly books: readonly Omit<PriceBook, 'content'>[]; readonly nextCursor: string }>;
  /** Compare-and-set on revision and state. @returns false when somebody else was first */
  save(from: PriceBook, to: PriceBook): Promise<boolean>;
  /**
   * In one step: what is effective at the beginning ends there (and resumes at the end, if there is one), this begins, everybody
   * hears of it. overlaps: another version is to begin within the span.
   */
  publish(
    from: PriceBook,
    command: Span & { readonly by: string; readonly at: Date; readonly resumeId: string },
  ): Promise<{ readonly outcome: 'done'; readonly book: PriceBook } | { readonly outcome: 'lost' | 'overlaps' }>;
  /** Ends a published version at `at`, or at its beginning if that is later. @returns undefined when it had ended before */
  end(book: PriceBook, at: Date): Promise<PriceBook | undefined>;
}

export interface Redemption {
  readonly id: string;
  readonly tenantId: string;
  readonly promotionId: string;
  readonly code: string;
  readonly kind: PromotionKind;
  readonly percentPpm: bigint;
  readonly amountMicros: bigint;
  readonly currency: string;
  readonly products: readonly string[];
  readonly transferId: string | undefined;
  readonly benefitEndsAt: Date | undefined;
  readonly createdAt: Date;
}

/** Bound to one transaction in which the promotion is locked. */
export interface RedemptionUnit {
  readonly promotion: Promotion;
  facts(): Promise<RedeemerFacts>;
  /** Counts it, stores it, tells everybody; a credit goes into the wallet. */
  redeem(redemption: Redemption): Promise<void>;
}

export interface Promotions {
  add(
    promotion: Promotion,
    keyed: { readonly idempotencyKey: string; readonly request: string },
  ): Promise<{ readonly outcome: 'done' | 'replayed'; readonly promotion: Promotion } | Conflict | { readonly outcome: 'code_taken' }>;
  list(page: PageAsk): Promise<{ readonly promotions: readonly Promotion[]; readonly nextCursor: string }>;
  /** No more redemptions from `at`. @returns undefined when there is no such promotion */
  end(id: string, at: Date): Promise<Promotion | undefined>;
  redemptions(tenantId: string, page: PageAsk): Promise<{ readonly redemptions: readonly Redemption[]; readonly nextCursor: string }>;
  /**
   * Runs `decide` with the promotion locked, unless this key was answered before. All or nothing.
   * @returns undefined when there is no such code
   */
  redeem(
    command: { readonly tenantId: string; readonly idempotencyKey: string; readonly request: string; readonly code: string },
    decide: (unit: RedemptionUnit) => Promise<Redemption>,
  ): Promise<{ readonly outcome: 'done' | 'replayed'; readonly redemption: Redemption } | Conflict | undefined>;
}
