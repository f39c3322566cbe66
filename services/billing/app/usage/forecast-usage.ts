import type { Clock } from '#platform/time/index.ts';
import { forecastQuantity, type PeriodBounds } from '../../domain/usage-forecast.ts';
import type { Meter } from '../../domain/usage-meters.ts';
import { rate } from '../../domain/usage-rating.ts';
import { usageTerms } from '../../domain/usage-terms.ts';
import type { UsageReader, UsageSubscriptions } from './ports.ts';

export interface ForecastLine {
  readonly meter: Meter;
  readonly quantity: bigint;
  readonly expectedQuantity: bigint;
  readonly amountMicros: bigint;
  readonly expectedMicros: bigint;
}
export interface Forecast {
  /** undefined: nothing was used yet, so there is nothing to go by. */
  readonly period: PeriodBounds | undefined;
  readonly lines: readonly ForecastLine[];
}

/** The running period, as it would end if it went on as it has gone so far, at the prices of the present plan. */
export const forecastUsage =
  ({
    usage,
    subscriptions,
    clock,
  }: {
    readonly usage: Pick<UsageReader, 'current'>;
    readonly subscriptions: UsageSubscriptions;
    readonly clock: Clock;
  }) =>
  async (tenantId: string): Promise<Forecast> => {
    const now = clock.now();
    const [current, plan] = await Promise.all([usage.current(tenantId, now), subscriptions.planOf(tenantId, now)]);
    if (current === undefined) return { period: undefined, lines: [] };
    const { period, totals } = current;
    const lines = totals.map(({ meter, quantity }): ForecastLine => {
      const terms = usageTerms(plan, meter);
      const expectedQuantity = forecastQuantity(quantity, period, now);
      return {
        meter,
        quantity,
        expectedQuantity,
        amountMicros: rate(terms, quantity).micros,
        expectedMicros: rate(terms, expectedQuantity).micros,
      };
    });
    return { period, lines };
  };
