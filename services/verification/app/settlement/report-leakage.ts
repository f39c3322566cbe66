import { appError } from '#platform/errors/index.ts';
import { dayMs } from '#platform/time/index.ts';
import { type Dimension, dimensions, type LeakageRow, type SettlementPorts } from './ports.ts';

export interface LeakageRequest {
  readonly from: string;
  readonly to: string;
  readonly groupBy: readonly string[];
  readonly provider: string;
  readonly service: string;
}

const maxRows = 10_000;
const maxDays = 92;

const invalid = (field: string, reason: string): Error => appError('request.invalid', { fields: [{ field, reason }] });

/** @throws request.invalid when it is no day of the calendar */
const dayOf = (field: string, text: string): number => {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) throw invalid(field, 'is not a day (YYYY-MM-DD)');
  return at;
};

const isDimension = (text: string): text is Dimension => dimensions.some((known) => known === text);

/** What was paid, came back, is claimed and was lost, of the activations that ended on these days. @throws request.invalid */
export const reportLeakage =
  ({ settlements }: Pick<SettlementPorts, 'settlements'>) =>
  async ({ from, to, groupBy, provider, service }: LeakageRequest): Promise<readonly LeakageRow[]> => {
    const span = dayOf('to', to) - dayOf('from', from);
    if (span < 0) throw invalid('to', 'is before from');
    if (span >= maxDays * dayMs) throw invalid('to', `at most ${maxDays} days at once`);
    const by = new Set(groupBy.length === 0 ? (['provider'] as const) : groupBy.filter(isDimension));
    if (groupBy.some((wanted) => !isDimension(wanted))) throw invalid('groupBy', `any of ${dimensions.join(', ')}`);
    const rows = await settlements.report({
      ...{ from, to, by, provider: provider || undefined, service: service || undefined, limit: maxRows + 1 },
    });
    if (rows.length > maxRows) throw invalid('groupBy', `more than ${maxRows} rows: ask for fewer days or dimensions`);
    return rows;
  };
