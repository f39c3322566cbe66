import { appError } from '#platform/errors/index.ts';
import { dayMs } from '#platform/time/index.ts';
import type { Freshness, Spend, SpendLine } from './ports.ts';

const maxSpendDays = 92;

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;
/** @returns the first instant of the day in UTC; undefined when it is no day of the calendar */
const startOf = (day: string): Date | undefined => {
  const at = new Date(`${day}T00:00:00Z`);
  return dayPattern.test(day) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day) ? at : undefined;
};
const refuse = (field: string, reason: string): never => {
  throw appError('request.invalid', { fields: [{ field, reason }] });
};

/**
 * What was taken from the wallet, by day (UTC) and product, newest day first. Days are whole hours, so roll-ups alone answer it.
 * @param from first day, YYYY-MM-DD
 * @param to last day, inclusive
 * @throws request.invalid naming the field
 */
export const getSpend =
  ({ spend, freshness }: { readonly spend: Spend; readonly freshness: Freshness }) =>
  async (
    tenantId: string,
    { from, to }: { readonly from: string; readonly to: string },
  ): Promise<{ readonly lines: readonly SpendLine[]; readonly freshUntil: Date }> => {
    const start = startOf(from) ?? refuse('from', 'must be a day as YYYY-MM-DD');
    const last = startOf(to) ?? refuse('to', 'must be a day as YYYY-MM-DD');
    if (last < start) refuse('to', 'must not be before from');
    const end = new Date(last.getTime() + dayMs);
    if (end.getTime() - start.getTime() > maxSpendDays * dayMs) refuse('to', `is more than ${maxSpendDays} days after from`);
    // Asked first, as for a summary: what is promised is in the sums.
    const freshUntil = await freshness.freshUntil();
    return { lines: await spend.byDay(tenantId, { from: start, to: end }), freshUntil };
  };
