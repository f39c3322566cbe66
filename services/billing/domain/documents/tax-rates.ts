import type { TaxRate } from './tax.ts';

/** What a country takes of services that nothing exempts, from a day on. */
export interface StandardRate {
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly kind: 'VAT' | 'GST' | 'JCT';
  /** Millionths: 200,000 is 20 %. */
  readonly ratePpm: number;
  /** Midnight in UTC of the first day. */
  readonly validFrom: Date;
}

const euMembers: ReadonlySet<string> = new Set(
  'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK'.split(' '),
);
export const isEuMember = (country: string): boolean => euMembers.has(country);

/** Greece writes EL. */
const vatPrefix = (country: string): string => (country === 'GR' ? 'EL' : country);

/**
 * Is it written as a VAT id of this member of the EU? Says nothing about whether it was given to anybody: that only the register (VIES) knows.
 */
export const isVatId = (country: string, taxId: string): boolean => {
  const text = taxId.replaceAll(/[ ./-]/g, '').toUpperCase();
  return isEuMember(country) && new RegExp(`^${vatPrefix(country)}(?=.*\\d)[0-9A-Z+*]{8,12}$`).test(text);
};

/**
 * What the issuer charges in a country at a moment: its standard rate, where the issuer is registered for it.
 * @param registered countries; "EU" stands for all of its members (One Stop Shop)
 * @returns undefined where the issuer is not registered, or no rate is known
 */
export const standardRateAt = (
  rates: readonly StandardRate[],
  registered: ReadonlySet<string>,
  country: string,
  at: Date,
): TaxRate | undefined => {
  if (!registered.has(country) && !(registered.has('EU') && isEuMember(country))) return undefined;
  const known = rates.filter((rate) => rate.country === country && rate.validFrom <= at);
  const newest = known.toSorted((a, b) => b.validFrom.getTime() - a.validFrom.getTime())[0];
  // What is prepaid is all that there is to take: prices contain the tax.
  return newest && { name: newest.kind, ratePpm: newest.ratePpm, inclusive: true };
};
