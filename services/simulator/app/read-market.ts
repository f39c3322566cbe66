import { formatDecimal } from '#platform/money/index.ts';
import { countries, countryOf } from '../domain/countries.ts';
import { isServiceCode, knownServices, serviceName } from '../domain/services.ts';
import type { World } from './ports.ts';
import { priceMicros, stockOf } from './quote-price.ts';

export interface PriceRow {
  readonly cost: number;
  readonly count: number;
  readonly physicalCount: number;
}

export interface ReadMarket {
  /** Country → service → price and stock. A service or country that is named is quoted even when it is not in the tables. */
  prices(service: string | undefined, countryId: number | undefined): Record<string, Record<string, PriceRow>>;
  /** `tg_0` → stock, for one country. */
  stock(countryId: number): Record<string, number>;
  countries(): Record<string, object>;
  services(): { code: string; name: string }[];
}

export const createReadMarket = (world: World): ReadMarket => {
  const english = new Intl.DisplayNames(['en'], { type: 'region' });
  const russian = new Intl.DisplayNames(['ru'], { type: 'region' });
  const chinese = new Intl.DisplayNames(['zh'], { type: 'region' });

  const quote = (service: string, countryId: number): PriceRow => {
    const settings = world.settings.handlerApi;
    const count = stockOf(settings, service, countryId);
    return { cost: Number(formatDecimal(priceMicros(settings, service, countryId))), count, physicalCount: count };
  };

  return {
    prices: (service, countryId) => {
      const codes = service === undefined ? [...knownServices.keys()] : isServiceCode(service) ? [service] : [];
      const ids = countryId === undefined ? [...countries.keys()] : [countryId];
      return Object.fromEntries(ids.map((id) => [String(id), Object.fromEntries(codes.map((code) => [code, quote(code, id)]))]));
    },
    stock: (countryId) =>
      Object.fromEntries([...knownServices.keys()].map((code) => [`${code}_0`, stockOf(world.settings.handlerApi, code, countryId)])),
    countries: () =>
      Object.fromEntries(
        [...countries.keys()].map((id) => {
          const { iso } = countryOf(id);
          const row = { rus: russian.of(iso), eng: english.of(iso), chn: chinese.of(iso) };
          return [String(id), { id, ...row, visible: 1, retry: 1, rent: 0, multiService: 0 }];
        }),
      ),
    services: () => [...knownServices.keys()].map((code) => ({ code, name: serviceName(code) })),
  };
};
