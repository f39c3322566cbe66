/**
 * What a metered quantity costs. Prices are finer than a micro-unit (an API call costs a fraction of one), so they are counted in
 * picos (10⁻¹² of the currency): a total is exact until it is rounded once, half to even, to the micros that the books keep.
 */
export interface Tier {
  /** Last unit of this tier, counted from the first billable one; undefined: all further units. Only the last tier has none. */
  readonly upTo: bigint | undefined;
  readonly unitPicos: bigint;
  /** Once for a tier that is reached (graduated) or decides (volume). */
  readonly flatPicos: bigint;
}

export type UsagePrice =
  /** Counted, never charged: what is paid in another way, such as a message by the campaign's hold. */
  | { readonly model: 'free' }
  /** Each unit at the price of the tier that it falls into. */
  | { readonly model: 'graduated'; readonly tiers: readonly Tier[] }
  /** All units at the price of the tier that the total falls into: one unit more may cost less. */
  | { readonly model: 'volume'; readonly tiers: readonly Tier[] }
  /** Sold in packages; a begun one counts whole. */
  | { readonly model: 'package'; readonly size: bigint; readonly packagePicos: bigint };

export interface UsageTerms {
  /** Units of a period that cost nothing. Not prorated: a period that is cut short keeps them all. */
  readonly included: bigint;
  readonly price: UsagePrice;
}

export interface Rated {
  readonly micros: bigint;
  /** What rounding left over: exact total − micros, between minus half a micro and half a micro. */
  readonly remainderPicos: bigint;
}

export const picosPerMicro = 1_000_000n;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Half to even, for amounts of either sign. */
export const roundHalfEven = (picos: bigint): Rated => {
  const negative = picos < 0n;
  const absolute = negative ? -picos : picos;
  const whole = absolute / picosPerMicro;
  const twice = (absolute % picosPerMicro) * 2n;
  const up = twice > picosPerMicro || (twice === picosPerMicro && whole % 2n === 1n);
  const rounded = whole + (up ? 1n : 0n);
  const micros = negative ? -rounded : rounded;
  return { micros, remainderPicos: picos - micros * picosPerMicro };
};

const graduated = (tiers: readonly Tier[], units: bigint): bigint => {
  let total = 0n;
  let from = 0n;
  for (const { upTo, unitPicos, flatPicos } of tiers) {
    if (units <= from) break;
    const to = upTo === undefined ? units : least(units, upTo);
    total += (to - from) * unitPicos + flatPicos;
    from = to;
  }
  return total;
};

const volume = (tiers: readonly Tier[], units: bigint): bigint => {
  const tier = tiers.find(({ upTo }) => upTo === undefined || units <= upTo);
  if (tier === undefined || units === 0n) return 0n;
  return units * tier.unitPicos + tier.flatPicos;
};

/** The units beyond the included ones. Corrections can bring a quantity below zero; that is nothing, not a credit. */
export const billableUnits = (quantity: bigint, included: bigint): bigint => (quantity > included ? quantity - included : 0n);

/** Exact, before any rounding. */
export const ratedPicos = ({ included, price }: UsageTerms, quantity: bigint): bigint => {
  const units = billableUnits(quantity, included);
  switch (price.model) {
    case 'free':
      return 0n;
    case 'graduated':
      return graduated(price.tiers, units);
    case 'volume':
      return volume(price.tiers, units);
    case 'package':
      return ((units + price.size - 1n) / price.size) * price.packagePicos;
  }
};

/** The amount of a whole period's quantity. Rounded here and nowhere else: what has been charged before is subtracted from it. */
export const rate = (terms: UsageTerms, quantity: bigint): Rated => roundHalfEven(ratedPicos(terms, quantity));

/** @returns why these tiers are no price, or undefined */
export const tiersFault = (tiers: readonly Tier[]): string | undefined => {
  if (tiers.length === 0) return 'at least one tier is needed';
  let from = 0n;
  for (const [index, { upTo, unitPicos, flatPicos }] of tiers.entries()) {
    if (unitPicos < 0n || flatPicos < 0n) return `tier ${index + 1} has a negative price`;
    const last = index === tiers.length - 1;
    if (last !== (upTo === undefined)) return 'the last tier, and no other, has no end';
    if (upTo !== undefined && upTo <= from) return `tier ${index + 1} ends before it begins`;
    from = upTo ?? from;
  }
  return undefined;
};
