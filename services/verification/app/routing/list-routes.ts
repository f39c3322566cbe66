import type { Clock } from '#platform/time/index.ts';
import { type Estimate, estimate } from '../../domain/routing/estimate.ts';
import type { RouteKey } from '../../domain/routing/evidence.ts';
import type { Planner } from './planner.ts';

export interface RoutesQuery {
  readonly provider: string;
  readonly service: string;
  readonly country: string;
  /** Name of the last row of the page before. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface KnownRoute extends RouteKey {
  readonly name: string;
  readonly estimate: Estimate;
  readonly stock: number | undefined;
}

/** What is known of each route, in the order of their names. From memory. */
export const listRoutes =
  ({ planner, clock }: { planner: Planner; clock: Clock }) =>
  ({ provider, service, country, after, limit }: RoutesQuery): { rows: readonly KnownRoute[]; more: boolean } => {
    const now = clock.now();
    const wanted = planner.evidence
      .cells(now)
      .map((cell) => ({ ...cell, name: [cell.provider, cell.service, cell.country, cell.operator].join(' ') }))
      .filter(
        (cell) =>
          (provider === '' || cell.provider === provider) &&
          (service === '' || cell.service === service) &&
          (country === '' || cell.country === country) &&
          (after === undefined || cell.name > after),
      )
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const rows = wanted.slice(0, limit).map((cell) => ({
      ...{ name: cell.name, provider: cell.provider, service: cell.service, country: cell.country, operator: cell.operator },
      estimate: estimate(planner.evidence.ladder(cell, now)),
      stock: planner.listed(cell.provider, cell.service, cell.country)?.stock,
    }));
    return { rows, more: wanted.length > limit };
  };
