import { appError } from '#platform/errors/index.ts';
import { type Money, money, parseDecimal } from '#platform/money/index.ts';
import { canReceive, type Capability, capabilities, isCapability, surchargeMicros } from './capability.ts';
import { canChoose, type Choice, type Chosen } from './choices.ts';

/** Acceptable use: blocked may never be rented. */
export type PolicyClass = 'open' | 'restricted' | 'blocked';

export interface Service {
  readonly code: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly category: string;
  readonly policyClass: PolicyClass;
  /** Decimal USD at price factor 1. */
  readonly basePrice: string;
  /** What each provider calls it: a provider that is not here does not sell it, and nobody does where none is. */
  readonly providerCodes: Readonly<Record<string, string>>;
}

export interface Country {
  /** ISO 3166-1 alpha-2. */
  readonly code: string;
  readonly name: string;
  /** What people call it besides. */
  readonly aliases?: readonly string[];
  readonly dialCode: string;
  readonly priceFactor: string;
  readonly providerCodes: Readonly<Record<string, number | string>>;
}

export const currency = 'USD';

const cent = 10_000n;
const lowest = 250_000n;
const highest = 3_000_000n;

const microsOf = (decimal: string): bigint => {
  const micros = parseDecimal(decimal);
  if (micros === undefined || micros <= 0n) throw new RangeError(`not a positive decimal: ${decimal}`);
  return micros;
};

/** Base price times country factor, and what the capability adds, up to the next cent, between 0.25 and 3.00 USD. */
export const priceOf = (service: Service, country: Country, capability: Capability = 'sms'): Money => {
  const exact = (microsOf(service.basePrice) * microsOf(country.priceFactor)) / 1_000_000n + surchargeMicros[capability];
  const rounded = ((exact + cent - 1n) / cent) * cent;
  return money(currency, rounded < lowest ? lowest : rounded > highest ? highest : rounded);
};

export interface Catalogue {
  /** In order of code. */
  readonly services: readonly Service[];
  readonly countries: readonly Country[];
  service(code: string): Service | undefined;
  country(code: string): Country | undefined;
  /** By name. None where nobody can choose. */
  operators(country: Country): readonly Choice[];
  areaCodes(country: Country): readonly Choice[];
  /** Of a drawing: that of the brand (simpleicons.org), else of the category. */
  icon(service: Service): string;
  /** Another one whenever the data are others. */
  readonly version: string;
  /** The lowest price over all countries where anybody sells it; undefined for what nobody sells, and what may not be rented. */
  priceFrom(service: Service): Money | undefined;
}

const unique = <T>(what: string, rows: readonly T[], key: (row: T) => string): Map<string, T> => {
  const index = new Map<string, T>();
  for (const row of rows) {
    const name = key(row);
    if (index.has(name)) throw new Error(`the catalogue has two ${what} "${name}"`);
    index.set(name, row);
  }
  return index;
};

const byCode = (a: { code: string }, b: { code: string }): number => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0);

export interface CatalogueData {
  readonly services: readonly Service[];
  readonly countries: readonly Country[];
  /** By country. */
  readonly operators?: Readonly<Record<string, readonly Choice[]>>;
  readonly areaCodes?: Readonly<Record<string, readonly Choice[]>>;
  /** By service. */
  readonly icons?: Readonly<Record<string, string>>;
  readonly version?: string;
}

/** The choices of one kind, checked: of a country that is there, none twice. */
const choicesIn = (what: string, data: Readonly<Record<string, readonly Choice[]>>, isCountry: (code: string) => boolean) => {
  for (const [country, choices] of Object.entries(data)) {
    if (!isCountry(country)) throw new Error(`the catalogue has ${what} of "${country}", which it does not have`);
    unique(`${what} of ${country}`, choices, (row) => row.code);
  }
  const sorted = new Map(
    Object.entries(data).map(([country, choices]) => [
      country,
      choices.toSorted((a, b) => a.name.localeCompare(b.name, 'en') || byCode(a, b)),
    ]),
  );
  return ({ code }: Country): readonly Choice[] => sorted.get(code) ?? [];
};

/** @throws Error when a code, a name or a provider's code appears twice, a price is not a number, or something is about what is not there. */
export const createCatalogue = (data: CatalogueData): Catalogue => {
  const services = data.services.toSorted(byCode);
  const countries = data.countries.toSorted(byCode);
  const serviceIndex = unique('services', services, (row) => row.code);
  const countryIndex = unique('countries', countries, (row) => row.code);
  unique('service names', services, (row) => row.name.toLowerCase());
  unique('country names', countries, (row) => row.name.toLowerCase());
  const providerCodes = (rows: readonly { providerCodes: Readonly<Record<string, string | number>> }[]): string[] =>
    rows.flatMap((row) => Object.entries(row.providerCodes).map(([provider, code]) => `${provider}:${code}`));
  unique('service codes of a provider', providerCodes(services), (code) => code);
  unique('country codes of a provider', providerCodes(countries), (code) => code);
  // Prices rise with the factor: the first country of this order where somebody sells a service is its cheapest.
  const byFactor = countries.toSorted((a, b) => Number(microsOf(a.priceFactor) - microsOf(b.priceFactor)));
  const from = new Map(
    services.flatMap((service) => {
      const cheapest = byFactor.find((country) => Object.keys(service.providerCodes).some((codes) => codes in country.providerCodes));
      return cheapest ? [[service.code, priceOf(service, cheapest)] as const] : [];
    }),
  );
  const { operators = {}, areaCodes = {}, icons = {}, version = '' } = data;
  for (const code of Object.keys(icons)) if (!serviceIndex.has(code)) throw new Error(`the catalogue has an icon of no service: "${code}"`);
  return {
    services,
    countries,
    operators: choicesIn('operators', operators, (code) => countryIndex.has(code)),
    areaCodes: choicesIn('area codes', areaCodes, (code) => countryIndex.has(code)),
    icon: (service) => icons[service.code] ?? `category-${service.category}`,
    version,
    service: (code) => serviceIndex.get(code),
    country: (code) => countryIndex.get(code),
    priceFrom: (row) => (row.policyClass === 'blocked' ? undefined : from.get(row.code)),
  };
};

export interface Offer {
  readonly service: Service;
  readonly country: Country;
  readonly capability: string;
  /** Of the network; empty: any. */
  readonly operator: string;
  /** Where the number is; empty: anywhere in the country. */
  readonly areaCode: string;
  /** The same two, as providers know them. */
  readonly chosen: Chosen;
  /** The list price; what a tenant pays is for billing's price book to say. */
  readonly price: Money;
}

const notOffered = (field: string, reason: string): Error => appError('verification.not_offered', { fields: [{ field, reason }] });

export interface Wanted {
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  /** Empty or left out: any. */
  readonly operator?: string;
  readonly areaCode?: string;
}

/** What a request names, as the catalogue writes it; whether it is there is another question. */
export const codesOf = ({ service, country, capability, operator = '', areaCode = '' }: Wanted) => ({
  service: service.toLowerCase(),
  country: country.toUpperCase(),
  capability: capability === '' ? 'sms' : capability,
  operator: operator.toLowerCase(),
  areaCode: areaCode.toLowerCase(),
});

/** @throws verification.not_offered with the field */
const chosenBy = (catalogue: Catalogue, { operator, areaCode }: ReturnType<typeof codesOf>, country: Country): Chosen => {
  const find = (field: string, code: string, choices: readonly Choice[], what: string): Choice | undefined => {
    if (code === '') return undefined;
    const choice = choices.find((known) => known.code === code);
    if (choice === undefined) throw notOffered(field, `There is no such ${what} to choose in ${country.name}.`);
    return choice;
  };
  const [network, area] = [
    find('operator', operator, catalogue.operators(country), 'operator'),
    find('areaCode', areaCode, catalogue.areaCodes(country), 'area code'),
  ];
  return { ...(network && { operator: network }), ...(area && { areaCode: area }) };
};

/** Has a provider, by the name of its codes, a name for all of the offer? */
export const sellsOffer = (
  codes: string,
  { service, country, capability, chosen }: Pick<Offer, 'service' | 'country' | 'capability' | 'chosen'>,
): boolean => codes in service.providerCodes && codes in country.providerCodes && canReceive(codes, capability) && canChoose(codes, chosen);

/** What to say when none of the providers at hand sells an offer of the catalogue. */
export const notSold = ({ capability, chosen }: Pick<Offer, 'capability' | 'chosen'>): Error => {
  if (chosen.operator !== undefined || chosen.areaCode !== undefined)
    return notOffered(
      chosen.areaCode === undefined ? 'operator' : 'areaCode',
      'No provider of this lets it be chosen: leave it out, or choose another one.',
    );
  return capability === 'sms'
    ? notOffered('service', 'No provider sells it in this country.')
    : notOffered('capability', 'Nobody answers calls for this service in this country.');
};

/**
 * What is asked for, as the catalogue has it, whatever its class: whether a tenant may rent it is for policy to say.
 * @throws verification.not_offered with the field
 */
export const offerOf = (catalogue: Catalogue, wanted: Wanted): Offer => {
  const codes = codesOf(wanted);
  const service = catalogue.service(codes.service);
  if (!service) throw notOffered('service', 'There is no such service in the catalogue.');
  const country = catalogue.country(codes.country);
  if (!country) throw notOffered('country', 'There is no such country in the catalogue.');
  const { capability } = codes;
  if (!isCapability(capability)) throw notOffered('capability', `One of ${capabilities.join(', ')}.`);
  const chosen = chosenBy(catalogue, codes, country);
  const offer = { service, country, capability, chosen, operator: chosen.operator?.code ?? '', areaCode: chosen.areaCode?.code ?? '' };
  if (!Object.keys(service.providerCodes).some((codes) => sellsOffer(codes, offer))) throw notSold(offer);
  return { ...offer, price: priceOf(service, country, capability) };
};

/** What anybody may rent. @throws verification.not_offered with the field; verification.service_blocked */
export const offerFor = (catalogue: Catalogue, wanted: Wanted): Offer => {
  const offer = offerOf(catalogue, wanted);
  if (offer.service.policyClass === 'blocked') throw appError('verification.service_blocked');
  return offer;
};

/** @throws request.invalid on another currency · verification.price_exceeded */
export const refuseAbove = (limit: Money | undefined, price: Money): void => {
  if (limit && limit.currency !== price.currency)
    throw appError('request.invalid', { fields: [{ field: 'maxPrice.currency', reason: `Prices are in ${price.currency}.` }] });
  if (limit && limit.micros < price.micros) throw appError('verification.price_exceeded');
};
