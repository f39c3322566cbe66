import { toMinorUnits } from '#platform/money/index.ts';

/**
 * Exact amounts while a price is computed: whole numbers of 10⁻¹⁸ of the currency's unit. A micro times two rates in parts per
 * million is whole in it, so nothing is rounded before the one rounding at the end.
 */
export const attosPerMicro = 1_000_000_000_000n;
const attosPerUnit = attosPerMicro * 1_000_000n;
/** One, in parts per million. */
export const wholePpm = 1_000_000n;

export const attosOfMicros = (micros: bigint): bigint => micros * attosPerMicro;

/** Exact for what is a multiple of 10⁶ attos, as every base price is. */
export const shareOf = (attos: bigint, ppm: bigint): bigint => (attos * ppm) / wholePpm;

/** What a price is rounded to: the currency's smallest unit, or a millionth of its unit. */
export const roundings = ['minor', 'micro'] as const;
export type Rounding = (typeof roundings)[number];

/** The step of a rounding, found by the currency's exponent (ISO 4217). */
export const stepOf = (currency: string, rounding: Rounding): bigint => {
  let micros = 1n;
  if (rounding === 'minor') while (toMinorUnits({ currency, micros }) === undefined) micros *= 10n;
  return attosOfMicros(micros);
};

/** To a whole number of steps, half to even. @param attos not negative */
export const roundHalfEven = (attos: bigint, step: bigint): bigint => {
  const below = attos / step;
  const twice = (attos % step) * 2n;
  const up = twice > step || (twice === step && below % 2n === 1n);
  return (below + (up ? 1n : 0n)) * step;
};

export const roundUp = (attos: bigint, step: bigint): bigint => ((attos + step - 1n) / step) * step;

/** "0.296", "-0.0625": exact, at least two decimals, no more than are needed. */
export const formatAttos = (attos: bigint): string => {
  const absolute = attos < 0n ? -attos : attos;
  const fraction = (absolute % attosPerUnit)
    .toString()
    .padStart(18, '0')
    .replace(/0{1,16}$/, '');
  return `${attos < 0n ? '-' : ''}${absolute / attosPerUnit}.${fraction}`;
};

/** "20 %", "12.5 %" */
export const formatPpm = (ppm: bigint): string => {
  const fraction = (ppm % 10_000n).toString().padStart(4, '0').replace(/0+$/, '');
  return `${ppm / 10_000n}${fraction === '' ? '' : `.${fraction}`} %`;
};
