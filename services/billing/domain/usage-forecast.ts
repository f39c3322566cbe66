export interface PeriodBounds {
  readonly startsAt: Date;
  readonly endsAt: Date;
}

/**
 * What the period's quantity would be if the rest of it went on like the part that is over. Whole units, rounded half up; a period that is over, or
 * of which nothing is over yet, is what it is.
 */
export const forecastQuantity = (quantity: bigint, { startsAt, endsAt }: PeriodBounds, now: Date): bigint => {
  const elapsed = BigInt(now.getTime() - startsAt.getTime());
  const whole = BigInt(endsAt.getTime() - startsAt.getTime());
  if (elapsed <= 0n || elapsed >= whole || quantity <= 0n) return quantity;
  return (quantity * whole * 2n + elapsed) / (elapsed * 2n);
};
