/** What is priced. Empty (segments: 0) means: not said. */
export interface PriceItem {
  readonly product: string;
  readonly service: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly capability: string;
  readonly operator: string;
  /** Of a rental, for example "30d". */
  readonly duration: string;
  /** Of one message. */
  readonly segments: number;
}

/**
 * What a rule may name besides the product, the weightiest first: a rule that names a service beats every rule that does not,
 * whatever else they name.
 */
export const dimensions = ['service', 'country', 'operator', 'capability', 'duration', 'segments'] as const;

const isSaid = (value: string | number): boolean => value !== '' && value !== 0;

/** One bit per dimension that is said; the larger number is the more specific. */
export const specificityOf = (item: PriceItem): number =>
  dimensions.reduce((mask, dimension) => mask * 2 + (isSaid(item[dimension]) ? 1 : 0), 0);

/** The product, and those dimensions of an item that a mask names: equal for a rule and every item that it matches. */
export const keyOf = (item: PriceItem, mask: number): string => {
  const parts: (string | number)[] = [mask, item.product];
  dimensions.forEach((dimension, index) => {
    if ((mask >> (dimensions.length - 1 - index)) & 1) parts.push(item[dimension]);
  });
  return parts.join('\n');
};

/** Codes are compared in one form. */
export const normalItem = (item: PriceItem): PriceItem => ({
  product: item.product.toLowerCase(),
  service: item.service.toLowerCase(),
  country: item.country.toUpperCase(),
  capability: item.capability.toLowerCase(),
  operator: item.operator.toLowerCase(),
  duration: item.duration.toLowerCase(),
  segments: item.segments,
});
