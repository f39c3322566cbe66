import { addMonths } from '#platform/time/index.ts';
import type { Interval } from './plan.ts';

/** Half-open: the end belongs to the next period. */
export interface Period {
  readonly start: Date;
  readonly end: Date;
}

const months: Readonly<Record<Interval, number>> = { month: 1, year: 12 };

/** The `index`-th period after the anchor, whose local day and time every period begins with in the tenant's time zone. */
export const periodAt = (anchor: Date, zone: string, interval: Interval, index: number): Period => ({
  start: addMonths(anchor, zone, index * months[interval]),
  end: addMonths(anchor, zone, (index + 1) * months[interval]),
});

/** Half to even: over many customers nobody gains. @param numerator not negative */
export const divideHalfEven = (numerator: bigint, denominator: bigint): bigint => {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && quotient % 2n === 1n) ? quotient + 1n : quotient;
};

const lengthMs = ({ start, end }: Period): bigint => BigInt(end.getTime() - start.getTime());

/** The part of `amountMicros`, paid for the whole of `period`, that falls on the time from `at` on. Rounded once. */
export const unusedPart = (amountMicros: bigint, period: Period, at: Date): bigint => {
  if (at <= period.start) return amountMicros;
  if (at >= period.end) return 0n;
  return divideHalfEven(amountMicros * lengthMs({ start: at, end: period.end }), lengthMs(period));
};
