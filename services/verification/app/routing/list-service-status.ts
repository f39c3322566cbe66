import { medianOf } from '../../domain/routing/histogram.ts';
import { wilson } from '../../domain/routing/wilson.ts';
import type { Planner } from './planner.ts';
import type { RecentDay } from '../market/recent-day.ts';

export interface StatusRow {
  readonly service: string;
  readonly country: string;
  readonly rate: { readonly mean: number; readonly low: number; readonly high: number } | undefined;
  readonly numbers: number;
  readonly medianLatencyMs: number | undefined;
  readonly stock: number | undefined;
}

export interface StatusQuery {
  readonly service: string;
  readonly country: string;
  /** The last row of the page before. */
  readonly after: readonly [service: string, country: string] | undefined;
  readonly limit: number;
}

/** How services did over a day, over all providers; up to half a minute old. */
export const listServiceStatus = ({ planner, day }: { planner: Planner; day: RecentDay }) => {
  const stockOf = (service: string, country: string): number | undefined => {
    const stocks = planner.sellers.flatMap(({ name }) => planner.listed(name, service, country)?.stock ?? []);
    return stocks.length === 0 ? undefined : stocks.reduce((sum, stock) => sum + stock, 0);
  };
  return async ({ service, country, after, limit }: StatusQuery): Promise<{ rows: readonly StatusRow[]; more: boolean }> => {
    const wanted = (await day()).filter(
      (row) =>
        (service === '' || row.service === service) &&
        (country === '' || row.country === country) &&
        (after === undefined || row.service > after[0] || (row.service === after[0] && row.country > after[1])),
    );
    const rows = wanted.slice(0, limit).map((row): StatusRow => {
      const numbers = row.codes + row.misses;
      return {
        ...{ service: row.service, country: row.country, numbers: Math.round(numbers) },
        rate: numbers > 0 ? { mean: row.codes / numbers, ...wilson(row.codes, row.misses) } : undefined,
        medianLatencyMs: medianOf(row.latencies),
        stock: stockOf(row.service, row.country),
      };
    });
    return { rows, more: wanted.length > limit };
  };
};
