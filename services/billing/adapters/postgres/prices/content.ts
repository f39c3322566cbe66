import type { BookContent, PriceRule, RulePrice, VolumeDiscount } from '../../../domain/prices/book.ts';
import type { PriceLine } from '../../../domain/prices/engine.ts';
import type { PriceItem } from '../../../domain/prices/item.ts';
import type { QuoteItem } from '../../../domain/prices/quote.ts';
import type { Rounding } from '../../../domain/prices/exact.ts';

/** Documents as they are stored: numbers as text, what is not said left out. */
export interface StoredContent {
  readonly rules: readonly {
    readonly match: Partial<PriceItem> & { readonly product: string };
    readonly price: { readonly kind: RulePrice['kind']; readonly value: string };
    readonly net: boolean;
    readonly rounding: Rounding;
  }[];
  readonly volume: { readonly measure: VolumeDiscount['measure']; readonly tiers: readonly { from: string; ppm: string }[] } | null;
  readonly maxDiscount: string | null;
}

const nothing: Omit<PriceItem, 'product'> = { service: '', country: '', capability: '', operator: '', duration: '', segments: 0 };
const said = (item: PriceItem): StoredContent['rules'][number]['match'] => ({
  product: item.product,
  ...(Object.fromEntries(Object.entries(item).filter(([, value]) => value !== '' && value !== 0)) as Partial<PriceItem>),
});

const priceOf = ({ kind, value }: StoredContent['rules'][number]['price']): RulePrice =>
  kind === 'multiple' ? { kind, ppm: BigInt(value) } : { kind, micros: BigInt(value) };

export const toStoredContent = ({ rules, volume, maxDiscountPpm }: BookContent): StoredContent => ({
  rules: rules.map(({ match, price, net, rounding }) => ({
    match: said(match),
    price: { kind: price.kind, value: String(price.kind === 'multiple' ? price.ppm : price.micros) },
    net,
    rounding,
  })),
  volume:
    volume === undefined
      ? null
      : { measure: volume.measure, tiers: volume.tiers.map(({ from, ppm }) => ({ from: String(from), ppm: String(ppm) })) },
  maxDiscount: maxDiscountPpm === undefined ? null : String(maxDiscountPpm),
});

export const contentOf = ({ rules, volume, maxDiscount }: StoredContent): BookContent => ({
  rules: rules.map(({ match, price, net, rounding }): PriceRule => ({
    match: { ...nothing, ...match },
    price: priceOf(price),
    net,
    rounding,
  })),
  volume:
    volume === null
      ? undefined
      : { measure: volume.measure, tiers: volume.tiers.map(({ from, ppm }) => ({ from: BigInt(from), ppm: BigInt(ppm) })) },
  maxDiscountPpm: maxDiscount === null ? undefined : BigInt(maxDiscount),
});

export interface StoredQuoteItem {
  readonly item: StoredContent['rules'][number]['match'];
  readonly quantity: string;
  readonly price: string;
  readonly lines: readonly { readonly kind: PriceLine['kind']; readonly label: string; readonly attos: string }[];
  readonly book: { readonly id: string; readonly name: string; readonly version: number };
}

export const toStoredItem = ({ item, quantity, unit }: QuoteItem): StoredQuoteItem => ({
  item: said(item),
  quantity: String(quantity),
  price: String(unit.price.micros),
  lines: unit.lines.map(({ kind, label, attos }) => ({ kind, label, attos: String(attos) })),
  book: { id: unit.bookVersionId, name: unit.book, version: unit.version },
});

export const quoteItemOf = (stored: StoredQuoteItem, currency: string): QuoteItem => ({
  item: { ...nothing, ...stored.item },
  quantity: BigInt(stored.quantity),
  unit: {
    price: { currency, micros: BigInt(stored.price) },
    lines: stored.lines.map(({ kind, label, attos }) => ({ kind, label, attos: BigInt(attos) })),
    bookVersionId: stored.book.id,
    book: stored.book.name,
    version: stored.book.version,
  },
});
