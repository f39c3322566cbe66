import { appError } from '#platform/errors/index.ts';
import { dayMs } from '#platform/time/index.ts';
import { cut, summarise, type FigureSum, type Interval, type Summary } from '../domain/summary.ts';
import type { Figures, Freshness } from './ports.ts';

const maxRangeMs = 400 * dayMs;

export interface GetSummaryDependencies {
  readonly figures: Figures;
  readonly freshness: Freshness;
}

const merge = (parts: readonly (readonly FigureSum[])[]): FigureSum[] => {
  const sums = new Map<string, FigureSum>();
  for (const { figure, count, micros } of parts.flat()) {
    const known = sums.get(figure);
    sums.set(figure, { figure, count: (known?.count ?? 0n) + count, micros: (known?.micros ?? 0n) + micros });
  }
  return [...sums.values()];
};

/**
 * The tenant's figures over the half-open interval [from, to): whole hours from roll-ups, the rest from the events, so
 * that any two moments give the exact figure.
 * @throws request.invalid when the interval is empty, reversed or longer than 400 days
 */
export const getSummary =
  ({ figures, freshness }: GetSummaryDependencies) =>
  async (tenantId: string, { from, to }: Interval): Promise<Summary & { readonly freshUntil: Date }> => {
    if (!(from < to)) throw appError('request.invalid', { fields: [{ field: 'from', reason: 'must be before to' }] });
    if (to.getTime() - from.getTime() > maxRangeMs)
      throw appError('request.invalid', { fields: [{ field: 'to', reason: 'is more than 400 days after from' }] });
    // Asked first: events that arrive during the sums may be in them, none that is promised is missing.
    const freshUntil = await freshness.freshUntil();
    const { hours, edges } = cut({ from, to });
    const parts = await Promise.all([
      ...(hours ? [figures.sumHours(tenantId, hours)] : []),
      ...edges.map((edge) => figures.sumEvents(tenantId, edge)),
    ]);
    return { ...summarise(merge(parts)), freshUntil };
  };
