import { type Clock, addMs } from '#platform/time/index.ts';
import { isMeter } from '../../domain/usage-meters.ts';
import { billableUnits, rate } from '../../domain/usage-rating.ts';
import { usageTerms } from '../../domain/usage-terms.ts';
import { refuseInvalid } from '../checks.ts';
import type { PageAsk } from '../ports.ts';
import { checkMeter } from './list-usage-days.ts';
import type { PeriodRow, UsageReader, UsageSubscriptions } from './ports.ts';

export interface PeriodUsage extends PeriodRow {
  readonly plan: string;
  readonly included: bigint;
  readonly overage: bigint;
  /** Of the quantity that is shown, whether or not the worker has been there yet. */
  readonly amountMicros: bigint;
}

/** Adds what the plan of the period makes of a quantity. */
const priced =
  ({ subscriptions, clock }: { readonly subscriptions: UsageSubscriptions; readonly clock: Clock }) =>
  async (row: PeriodRow): Promise<PeriodUsage> => {
    const now = clock.now();
    const last = addMs(row.period.endsAt, -1);
    const plan = await subscriptions.planOf(row.period.tenantId, now < last ? now : last);
    const terms = usageTerms(plan, row.meter);
    return {
      ...row,
      plan,
      included: terms.included,
      overage: billableUnits(row.quantity, terms.included),
      amountMicros: rate(terms, row.quantity).micros,
    };
  };

/** Quantities and amounts by period and meter, newest first. @throws request.invalid on a meter or a cursor that is none */
export const listUsagePeriods =
  ({
    usage,
    ...dependencies
  }: {
    readonly usage: Pick<UsageReader, 'periods'>;
    readonly subscriptions: UsageSubscriptions;
    readonly clock: Clock;
  }) =>
  async (tenantId: string, { meter, ...page }: PageAsk & { readonly meter: string }) => {
    refuseInvalid(checkMeter(meter));
    const { periods, nextCursor } = await usage.periods(tenantId, isMeter(meter) ? meter : undefined, page);
    return { periods: await Promise.all(periods.map(priced(dependencies))), nextCursor };
  };
