import { type Money, money } from '#platform/money/index.ts';
import type { PriceLine, UnitPrice } from './engine.ts';
import type { PriceItem } from './item.ts';

/** The price of one unit as it was quoted: what remains when books and promotions have long changed. */
export interface QuotedUnit {
  readonly price: Money;
  readonly lines: readonly PriceLine[];
  readonly bookVersionId: string;
  readonly book: string;
  readonly version: number;
}

export interface QuoteItem {
  readonly item: PriceItem;
  readonly quantity: bigint;
  readonly unit: QuotedUnit;
}

/** A promise to one tenant: these prices may be held and charged until it expires. */
export interface Quote {
  readonly id: string;
  readonly tenantId: string;
  readonly items: readonly QuoteItem[];
  readonly total: Money;
  readonly plan: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

export const quotedUnit = ({ price, lines, book }: UnitPrice): QuotedUnit => ({
  price,
  lines,
  bookVersionId: book.versionId,
  book: book.name,
  version: book.version,
});

/** A unit's price is rounded already, so this is exact. */
export const amountOf = ({ unit, quantity }: QuoteItem): Money => money(unit.price.currency, unit.price.micros * quantity);

export const totalOf = (items: readonly QuoteItem[]): Money =>
  money(
    items[0]?.unit.price.currency ?? '',
    items.reduce((sum, item) => sum + amountOf(item).micros, 0n),
  );
