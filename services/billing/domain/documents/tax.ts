/** How a country taxes what we sell, from a date on. */
export interface TaxRate {
  /** "VAT" */
  readonly name: string;
  /** Millionths: 200,000 is 20 %. */
  readonly ratePpm: number;
  /** True: prices contain the tax. False: it comes on top. */
  readonly inclusive: boolean;
}

export interface TaxedSum {
  readonly netMicros: bigint;
  readonly taxMicros: bigint;
  readonly totalMicros: bigint;
  readonly note: string;
}

/** Halves go to the even neighbour, so that many roundings do not drift. Negative numbers mirror positive ones. */
export const divideHalfEven = (dividend: bigint, divisor: bigint): bigint => {
  if (dividend < 0n) return -divideHalfEven(-dividend, divisor);
  const [quotient, twice] = [dividend / divisor, (dividend % divisor) * 2n];
  return twice > divisor || (twice === divisor && quotient % 2n === 1n) ? quotient + 1n : quotient;
};

const percent = (ppm: number): string => `${ppm / 10_000} %`;

/**
 * The tax on a sum: rounded once, to the smallest unit of the currency, on the whole document; net + tax = total, always.
 * @param minorMicros how much the currency's smallest unit is: 10,000 for cents
 */
export const taxed = (sumMicros: bigint, rate: TaxRate | undefined, reverseCharge: boolean, minorMicros: bigint): TaxedSum => {
  if (reverseCharge)
    return { netMicros: sumMicros, taxMicros: 0n, totalMicros: sumMicros, note: 'Reverse charge: the recipient owes the tax' };
  if (rate === undefined || rate.ratePpm === 0) return { netMicros: sumMicros, taxMicros: 0n, totalMicros: sumMicros, note: '' };
  const ppm = BigInt(rate.ratePpm);
  const whole = rate.inclusive ? 1_000_000n + ppm : 1_000_000n;
  const taxMicros = divideHalfEven(sumMicros * ppm, whole * minorMicros) * minorMicros;
  const note = `${rate.name} ${percent(rate.ratePpm)}${rate.inclusive ? ', included in prices' : ''}`;
  return rate.inclusive
    ? { netMicros: sumMicros - taxMicros, taxMicros, totalMicros: sumMicros, note }
    : { netMicros: sumMicros, taxMicros, totalMicros: sumMicros + taxMicros, note };
};
