import type { Money } from '#platform/money/index.ts';
import type { EffectiveBook, PriceRule, VolumeDiscount } from './book.ts';
import { attosOfMicros, attosPerMicro, formatPpm, roundHalfEven, roundUp, shareOf, stepOf, wholePpm } from './exact.ts';
import type { PriceItem } from './item.ts';
import type { Benefit } from './promotion.ts';

export type LineKind = 'list' | 'rule' | 'plan_discount' | 'volume_discount' | 'promotion' | 'cap' | 'floor' | 'rounding';

export interface PriceLine {
  readonly kind: LineKind;
  readonly label: string;
  /** Exact. */
  readonly attos: bigint;
}

export interface PriceAsk {
  readonly item: PriceItem;
  /** What the product asks everybody; undefined where only a fixed price will do. */
  readonly listPrice: Money | undefined;
  /** What it costs us: discounts stop there. */
  readonly floor: Money | undefined;
}

/** What a tenant brings along. */
export interface Customer {
  /** tenant → plan → default, those of them that are effective. */
  readonly books: readonly EffectiveBook[];
  readonly plan: string;
  readonly planDiscountPpm: bigint;
  /** In this calendar month, UTC. */
  readonly month: { readonly spentMicros: bigint; readonly purchases: bigint };
  readonly benefits: readonly Benefit[];
}

export interface UnitPrice {
  readonly price: Money;
  /** They add up to the price, exactly. */
  readonly lines: readonly PriceLine[];
  readonly book: EffectiveBook;
  readonly promotionId: string | undefined;
}

const find = (books: readonly EffectiveBook[], item: PriceItem): { book: EffectiveBook; rule: PriceRule } | undefined => {
  for (const book of books) {
    const rule = book.ruleFor(item);
    if (rule !== undefined) return { book, rule };
  }
  return undefined;
};

/** The price before discounts, never negative. @returns undefined when the rule needs a list price and there is none */
const baseLines = ({ price }: PriceRule, listMicros: bigint | undefined): PriceLine[] | undefined => {
  if (price.kind === 'fixed') return [{ kind: 'rule', label: 'Fixed price', attos: attosOfMicros(price.micros) }];
  if (listMicros === undefined) return undefined;
  const list = attosOfMicros(listMicros);
  const lines: PriceLine[] = [{ kind: 'list', label: 'List price', attos: list }];
  if (price.kind === 'multiple' && price.ppm !== wholePpm)
    lines.push({ kind: 'rule', label: `${formatPpm(price.ppm)} of the list price`, attos: shareOf(list, price.ppm) - list });
  if (price.kind === 'plus' && price.micros !== 0n) {
    const attos = attosOfMicros(price.micros);
    lines.push({ kind: 'rule', label: price.micros > 0n ? 'Surcharge' : 'Reduction', attos: attos < -list ? -list : attos });
  }
  return lines;
};

const sum = (lines: readonly PriceLine[]): bigint => lines.reduce((total, { attos }) => total + attos, 0n);

/** The last tier that is reached. */
const tierOf = ({ measure, tiers }: VolumeDiscount, { spentMicros, purchases }: Customer['month']) =>
  tiers.findLast(({ from }) => (measure === 'spend' ? spentMicros : purchases) >= from);

const volumeLine = (base: bigint, volume: VolumeDiscount | undefined, month: Customer['month']): PriceLine | undefined => {
  const tier = volume && tierOf(volume, month);
  return tier && tier.ppm > 0n
    ? { kind: 'volume_discount', label: `${formatPpm(tier.ppm)} off by this month's volume`, attos: -shareOf(base, tier.ppm) }
    : undefined;
};

/** The one promotion that takes most off; of two alike, the one whose code comes first. */
const bestBenefit = (base: bigint, currency: string, product: string, benefits: readonly Benefit[]) =>
  benefits
    .filter((benefit) => benefit.products.length === 0 || benefit.products.includes(product))
    .filter((benefit) => benefit.currency === currency && base >= attosOfMicros(benefit.minimumMicros))
    .map((benefit) => ({
      benefit,
      off: benefit.kind === 'percent' ? shareOf(base, benefit.percentPpm) : attosOfMicros(benefit.amountMicros),
    }))
    .filter(({ off }) => off > 0n)
    .toSorted((a, b) => (a.off === b.off ? (a.benefit.code < b.benefit.code ? -1 : 1) : a.off > b.off ? -1 : 1))
    .at(0);

const discountLines = (base: bigint, currency: string, { item }: PriceAsk, customer: Customer) => {
  const { books, plan, planDiscountPpm: planPpm, month, benefits } = customer;
  const lines: PriceLine[] = [];
  if (planPpm > 0n)
    lines.push({ kind: 'plan_discount', label: `${formatPpm(planPpm)} off by plan ${plan}`, attos: -shareOf(base, planPpm) });
  const volume = volumeLine(base, books.find(({ content }) => content.volume !== undefined)?.content.volume, month);
  if (volume !== undefined) lines.push(volume);
  const best = bestBenefit(base, currency, item.product, benefits);
  if (best !== undefined) lines.push({ kind: 'promotion', label: `Promotion ${best.benefit.code}`, attos: -best.off });
  const capPpm = books.find(({ content }) => content.maxDiscountPpm !== undefined)?.content.maxDiscountPpm ?? wholePpm;
  const beyond = -sum(lines) - shareOf(base, capPpm);
  if (beyond > 0n) lines.push({ kind: 'cap', label: `Discounts end at ${formatPpm(capPpm)}`, attos: beyond });
  return { lines, promotionId: best?.benefit.promotionId };
};

/**
 * The price of one unit, and why. Discounts are shares of the undiscounted price, added up; together they stop at the cap, at the
 * floor (unless the undiscounted price is below it already) and at zero. Rounded once, at the end, half to even.
 * @param walletCurrency of prices without a list price
 * @returns undefined when no rule matches, or the rule needs a list price and there is none
 */
export const priceOne = (ask: PriceAsk, customer: Customer, walletCurrency: string): UnitPrice | undefined => {
  const found = find(customer.books, ask.item);
  const base = found && baseLines(found.rule, ask.listPrice?.micros);
  if (found === undefined || base === undefined) return undefined;
  const { book, rule } = found;
  const currency = ask.listPrice?.currency ?? walletCurrency;
  const undiscounted = sum(base);
  const discounts = rule.net ? { lines: [], promotionId: undefined } : discountLines(undiscounted, currency, ask, customer);
  const lines = [...base, ...discounts.lines];
  const step = stepOf(currency, rule.rounding);
  const floor = ask.floor === undefined ? 0n : roundUp(attosOfMicros(ask.floor.micros), step);
  const lift = (floor < undiscounted ? floor : undiscounted) - sum(lines);
  if (lift > 0n) lines.push({ kind: 'floor', label: 'Not below cost', attos: lift });
  const exact = sum(lines);
  const rounded = roundHalfEven(exact, step);
  if (rounded !== exact) lines.push({ kind: 'rounding', label: 'Rounding', attos: rounded - exact });
  return { price: { currency, micros: rounded / attosPerMicro }, lines, book, promotionId: discounts.promotionId };
};
