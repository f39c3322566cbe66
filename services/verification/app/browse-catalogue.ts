import { appError } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import { type Capability, capabilities, isCapability } from '../domain/capability.ts';
import { type Catalogue, type Country, priceOf, sellsOffer, type Service } from '../domain/catalogue.ts';
import { createSearch, type Hit } from '../domain/search.ts';

/** A position in a list that is ordered by (rank, code). */
export interface Position {
  readonly rank: number;
  readonly code: string;
}

export interface Page<T, P = Position> {
  readonly rows: readonly T[];
  readonly next: P | undefined;
}

export interface PriceRow {
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  readonly price: Money;
}
export interface PricePosition {
  readonly service: string;
  readonly country: string;
}

export interface PriceQuery {
  /** Empty: all. */
  readonly service: string;
  readonly country: string;
  /** Empty or left out: sms. */
  readonly capability?: string;
  readonly after: PricePosition | undefined;
  readonly limit: number;
}

export interface CatalogueBrowser {
  services(query: {
    search: string;
    after: Position | undefined;
    limit: number;
  }): Page<{ service: Service; priceFrom: Money | undefined; icon: string }>;
  countries(query: { search: string; after: Position | undefined; limit: number }): Page<Country>;
  /** Empty service or country: all. What may not be rented has no price. @throws verification.not_offered */
  prices(query: PriceQuery): Page<PriceRow, PricePosition>;
}

const pageOf = <T extends { code: string }>(hits: readonly Hit<T>[], after: Position | undefined, limit: number): Page<T> => {
  const rest = after ? hits.filter((hit) => hit.rank > after.rank || (hit.rank === after.rank && hit.row.code > after.code)) : hits;
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return { rows: page.map((hit) => hit.row), next: rest.length > limit && last ? { rank: last.rank, code: last.row.code } : undefined };
};

const chosen = <T>(field: string, code: string, find: (code: string) => T | undefined, all: readonly T[]): readonly T[] => {
  if (code === '') return all;
  const row = find(code);
  if (row === undefined) throw appError('verification.not_offered', { fields: [{ field, reason: 'It is not in the catalogue.' }] });
  return [row];
};

const capabilityOf = (text: string): Capability => {
  const capability = text === '' ? 'sms' : text;
  if (isCapability(capability)) return capability;
  throw appError('verification.not_offered', { fields: [{ field: 'capability', reason: `One of ${capabilities.join(', ')}.` }] });
};

/** By anybody, in principle: which providers are in use is not known here. */
const isSold = (service: Service, country: Country, capability: Capability): boolean =>
  Object.keys(service.providerCodes).some((codes) => sellsOffer(codes, { service, country, capability, chosen: {} }));

/** Lists and searches the catalogue, in memory. */
export const browseCatalogue = (catalogue: Catalogue): CatalogueBrowser => {
  const searchServices = createSearch(catalogue.services);
  const searchCountries = createSearch(catalogue.countries);
  return {
    services: ({ search, after, limit }) => {
      const { rows, next } = pageOf(searchServices(search), after, limit);
      return { rows: rows.map((service) => ({ service, priceFrom: catalogue.priceFrom(service), icon: catalogue.icon(service) })), next };
    },
    countries: ({ search, after, limit }) => pageOf(searchCountries(search), after, limit),
    prices: ({ service, country, capability = '', after, limit }) => {
      const wanted = capabilityOf(capability);
      const services = chosen('service', service.toLowerCase(), catalogue.service, catalogue.services).filter(
        (row) => row.policyClass !== 'blocked',
      );
      const countries = chosen('country', country.toUpperCase(), catalogue.country, catalogue.countries);
      const rows: PriceRow[] = [];
      for (const one of services) {
        if (after && one.code < after.service) continue;
        for (const where of countries) {
          if (after && one.code === after.service && where.code <= after.country) continue;
          if (!isSold(one, where, wanted)) continue;
          const last = rows.at(-1);
          if (rows.length === limit && last) return { rows, next: { service: last.service, country: last.country } };
          rows.push({ service: one.code, country: where.code, capability: wanted, price: priceOf(one, where, wanted) });
        }
      }
      return { rows, next: undefined };
    },
  };
};
