import { type Catalogue, priceOf } from '../../domain/catalogue.ts';
import { type Figures, figuresOf, joined, noOutcomes, type Outcomes } from '../../domain/market/figures.ts';
import type { MarketRules } from '../../domain/market/rules.ts';
import type { Planner } from '../routing/planner.ts';
import type { DayTally } from '../routing/ports.ts';
import type { RecentDay } from './recent-day.ts';

export interface PublishedFigures {
  /** Of each of these services, over all countries. */
  ofServices(services: readonly string[]): Promise<readonly Figures[]>;
  /** Of each of these services in a country. */
  ofOffers(offers: readonly { readonly service: string; readonly country: string }[]): Promise<readonly Figures[]>;
}

interface Tallied {
  readonly rows: readonly DayTally[];
  readonly byOffer: ReadonlyMap<string, Outcomes>;
  readonly byService: ReadonlyMap<string, Outcomes>;
}

const tally = (rows: readonly DayTally[]): Tallied => {
  const byService = new Map<string, Outcomes>();
  for (const row of rows) byService.set(row.service, joined(byService.get(row.service) ?? noOutcomes, row));
  return { rows, byOffer: new Map(rows.map((row) => [`${row.service} ${row.country}`, row])), byService };
};

/**
 * Success, time and stock as everybody may read them. Stock is what providers that may be asked sell at no more than the list price: what
 * nobody could buy is not in it. While the database is away, the lists are without rates rather than not at all.
 */
export const publishFigures = (parts: {
  readonly day: RecentDay;
  readonly planner: Pick<Planner, 'sellers' | 'offersOf' | 'state'>;
  readonly catalogue: Pick<Catalogue, 'service' | 'country'>;
  readonly rules: MarketRules;
}): PublishedFigures => {
  const { day, planner, catalogue, rules } = parts;
  let last: Tallied = tally([]);
  const recent = async (): Promise<Tallied> => {
    const rows = await day().catch(() => undefined);
    if (rows !== undefined && rows !== last.rows) last = tally(rows);
    return last;
  };
  const stocks = (service: string, country: string | undefined): readonly number[] => {
    const sold = catalogue.service(service);
    if (sold === undefined) return [];
    const open = new Map(planner.sellers.map(({ name }) => [name, planner.state(name).paused === undefined]));
    return planner.offersOf(service).flatMap((offer) => {
      const where = country === undefined || offer.country === country ? catalogue.country(offer.country) : undefined;
      const asked = open.get(offer.provider);
      if (where === undefined || asked === undefined) return [];
      return [asked && offer.costMicros <= priceOf(sold, where).micros ? offer.stock : 0];
    });
  };
  return {
    ofServices: async (services) => {
      const { byService } = await recent();
      return services.map((service) => figuresOf(byService.get(service) ?? noOutcomes, stocks(service, undefined), rules));
    },
    ofOffers: async (offers) => {
      const { byOffer } = await recent();
      return offers.map(({ service, country }) =>
        figuresOf(byOffer.get(`${service} ${country}`) ?? noOutcomes, stocks(service, country), rules),
      );
    },
  };
};
