import { keyOf, type PriceItem, specificityOf } from './item.ts';
import { isProduct, products } from '../ledger.ts';
import { maxMicros } from '#platform/money/index.ts';
import type { Rounding } from './exact.ts';

/** Prices of everybody, of a plan, or of one tenant; looked up in the opposite order. */
export const scopes = ['default', 'plan', 'tenant'] as const;
export type Scope = (typeof scopes)[number];

export interface BookKey {
  readonly scope: Scope;
  /** Empty unless the scope is plan. */
  readonly plan: string;
  /** Empty unless the scope is tenant. */
  readonly tenantId: string;
}

/** "default", "plan:pro", "tenant:<id>": one book, of which one version is effective at a time. */
export const bookName = ({ scope, plan, tenantId }: BookKey): string =>
  scope === 'default' ? 'default' : `${scope}:${scope === 'plan' ? plan : tenantId}`;

export type RulePrice =
  | { readonly kind: 'fixed'; readonly micros: bigint }
  /** Of the product's list price. */
  | { readonly kind: 'multiple'; readonly ppm: bigint }
  /** Added to the product's list price; may be negative. */
  | { readonly kind: 'plus'; readonly micros: bigint };

export interface PriceRule {
  readonly match: PriceItem;
  readonly price: RulePrice;
  /** Takes no discount and no promotion. */
  readonly net: boolean;
  readonly rounding: Rounding;
}

export interface VolumeDiscount {
  /** What the tenant spent on purchases and usage in the calendar month (UTC), in micros: on all products, plans apart; or how many purchases were charged. */
  readonly measure: 'spend' | 'purchases';
  /** Rising; the last one that is reached counts. */
  readonly tiers: readonly { readonly from: bigint; readonly ppm: bigint }[];
}

export interface BookContent {
  readonly rules: readonly PriceRule[];
  /** Undefined: that of the next book on the way tenant → plan → default. */
  readonly volume: VolumeDiscount | undefined;
  /** Of all discounts together. Undefined: as above. */
  readonly maxDiscountPpm: bigint | undefined;
}

/** A version that is effective, ready to be searched. */
export interface EffectiveBook {
  readonly versionId: string;
  readonly name: string;
  readonly version: number;
  readonly content: BookContent;
  /** The most specific rule that matches; rules of one book never match alike, so their order is of no consequence. */
  ruleFor(item: PriceItem): PriceRule | undefined;
}

export const effectiveBook = (book: Omit<EffectiveBook, 'ruleFor'>): EffectiveBook => {
  const byKey = new Map<string, PriceRule>();
  const masks = new Set<number>();
  for (const rule of book.content.rules) {
    const mask = specificityOf(rule.match);
    masks.add(mask);
    byKey.set(keyOf(rule.match, mask), rule);
  }
  const fromSpecific = [...masks].toSorted((a, b) => b - a);
  return {
    ...book,
    ruleFor: (item) => {
      for (const mask of fromSpecific) {
        const rule = byKey.get(keyOf(item, mask));
        if (rule !== undefined) return rule;
      }
      return undefined;
    },
  };
};

interface Violation {
  readonly field: string;
  readonly reason: string;
}

const maxRules = 5_000;
const maxTiers = 20;
const maxMultiplePpm = 1_000_000_000n;
const patterns = { service: /^[a-z0-9-]{0,40}$/, country: /^([A-Z]{2})?$/, capability: /^[a-z0-9-]{0,20}$/, operator: /^[a-z0-9-]{0,40}$/ };
const duration = /^([1-9]\d{0,3}[hd])?$/;

export const itemViolation = (item: PriceItem, field: string): Violation | undefined => {
  const wrong = (name: string, reason: string): Violation => ({ field: `${field}.${name}`, reason });
  if (!isProduct(item.product)) return wrong('product', `One of ${products.join(', ')}.`);
  if (!patterns.service.test(item.service)) return wrong('service', 'At most 40 letters, digits and dashes.');
  if (!patterns.country.test(item.country)) return wrong('country', 'Two letters (ISO 3166-1).');
  if (!patterns.capability.test(item.capability)) return wrong('capability', 'At most 20 letters, digits and dashes.');
  if (!patterns.operator.test(item.operator)) return wrong('operator', 'At most 40 letters, digits and dashes.');
  if (!duration.test(item.duration)) return wrong('duration', 'Hours or days, such as "12h" or "30d".');
  if (!Number.isInteger(item.segments) || item.segments < 0 || item.segments > 255) return wrong('segments', '0 to 255.');
  return undefined;
};

const priceViolation = (price: RulePrice, field: string): Violation | undefined => {
  switch (price.kind) {
    case 'fixed':
      return price.micros >= 0n && price.micros <= maxMicros
        ? undefined
        : { field: `${field}.fixed`, reason: 'Not negative, and in range.' };
    case 'multiple':
      return price.ppm >= 0n && price.ppm <= maxMultiplePpm
        ? undefined
        : { field: `${field}.multiplePpm`, reason: 'Parts per million, 0 to 1,000,000,000.' };
    case 'plus':
      return price.micros <= maxMicros && price.micros >= -maxMicros ? undefined : { field: `${field}.plus`, reason: 'Out of range.' };
  }
};

const ruleViolations = (rules: readonly PriceRule[]): Violation[] => {
  const seen = new Set<string>();
  return rules.flatMap((rule, index) => {
    const field = `rules[${index}]`;
    const key = keyOf(rule.match, specificityOf(rule.match));
    const twice = seen.has(key) ? { field, reason: 'Another rule matches exactly the same.' } : undefined;
    seen.add(key);
    return [itemViolation(rule.match, `${field}.match`), priceViolation(rule.price, field), twice].filter((v) => v !== undefined);
  });
};

const volumeViolations = ({ tiers }: VolumeDiscount): Violation[] => {
  if (tiers.length > maxTiers) return [{ field: 'volume.tiers', reason: `At most ${maxTiers}.` }];
  return tiers.flatMap(({ from, ppm }, index) => {
    const field = `volume.tiers[${index}]`;
    const before = tiers[index - 1];
    if (from < 0n || (before !== undefined && from <= before.from))
      return [{ field: `${field}.from`, reason: 'Must rise from tier to tier.' }];
    if (ppm < 0n || ppm > 1_000_000n) return [{ field: `${field}.discountPpm`, reason: 'Parts per million, 0 to 1,000,000.' }];
    return [];
  });
};

const reported = 20;

/** What is wrong with a draft, at most the first twenty; a book without a rule is one that only sets discounts. */
export const contentViolations = ({ rules, volume, maxDiscountPpm: cap }: BookContent): readonly Violation[] =>
  (rules.length > maxRules
    ? [{ field: 'rules', reason: `At most ${maxRules}.` }]
    : [
        ...ruleViolations(rules),
        ...(volume === undefined ? [] : volumeViolations(volume)),
        ...(cap !== undefined && (cap < 0n || cap > 1_000_000n)
          ? [{ field: 'maxDiscountPpm', reason: 'Parts per million, 0 to 1,000,000.' }]
          : []),
      ]
  ).slice(0, reported);
