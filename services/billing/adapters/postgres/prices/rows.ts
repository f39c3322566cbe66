import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Scope } from '../../../domain/prices/book.ts';
import type { PromotionKind } from '../../../domain/prices/promotion.ts';
import type { BookState } from '../../../domain/prices/version.ts';
import type { StoredContent, StoredQuoteItem } from './content.ts';

export const PriceBookRow = defineEntity({
  name: 'PriceBookRow',
  tableName: 'price_books',
  properties: {
    id: p.uuid().primary(),
    book: p.text(),
    scope: p.text().$type<Scope>(),
    plan: p.text(),
    tenantId: p.uuid().nullable(),
    version: p.integer(),
    state: p.text().$type<BookState>(),
    // Not read by lists: a book has thousands of rules.
    content: p.json<StoredContent>().lazy(),
    note: p.text(),
    effectiveFrom: p.datetime().nullable(),
    effectiveTo: p.datetime().nullable(),
    revision: p.integer(),
    createdBy: p.text(),
    createdAt: p.datetime(),
    proposedBy: p.text().nullable(),
    decidedBy: p.text().nullable(),
    decidedAt: p.datetime().nullable(),
  },
});
export type PriceBookRow = InferEntity<typeof PriceBookRow>;

export const QuoteRow = defineEntity({
  name: 'QuoteRow',
  tableName: 'quotes',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    currency: p.text(),
    totalMicros: p.bigint('bigint'),
    plan: p.text(),
    items: p.json<StoredQuoteItem[]>(),
    expiresAt: p.datetime(),
    createdAt: p.datetime(),
  },
});
export type QuoteRow = InferEntity<typeof QuoteRow>;

export const PromotionRow = defineEntity({
  name: 'PromotionRow',
  tableName: 'promotions',
  properties: {
    id: p.uuid().primary(),
    code: p.text(),
    kind: p.text().$type<PromotionKind>(),
    percentPpm: p.bigint('bigint'),
    amountMicros: p.bigint('bigint'),
    currency: p.text(),
    products: p.array(),
    minimumMicros: p.bigint('bigint'),
    firstPurchaseOnly: p.boolean(),
    startsAt: p.datetime(),
    endsAt: p.datetime().nullable(),
    totalLimit: p.integer(),
    tenantLimit: p.integer(),
    benefitDays: p.integer(),
    redeemed: p.integer(),
    createdBy: p.text(),
    createdAt: p.datetime(),
  },
});
export type PromotionRow = InferEntity<typeof PromotionRow>;

export const RedemptionRow = defineEntity({
  name: 'RedemptionRow',
  tableName: 'redemptions',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    promotion: () => p.manyToOne(PromotionRow),
    transferId: p.uuid().nullable(),
    benefitEndsAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export type RedemptionRow = InferEntity<typeof RedemptionRow>;

export const priceEntities = [PriceBookRow, QuoteRow, PromotionRow, RedemptionRow];
