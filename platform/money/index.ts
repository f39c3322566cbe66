/**
 * Money: an integer number of micro-units (10⁻⁶) and an ISO 4217 currency. Sub-cent prices (0.0045 USD a segment) stay
 * exact; rounding to a currency's own exponent happens once, where a gateway needs it. Never a float.
 */
export interface Money {
  readonly currency: string;
  readonly micros: bigint;
}

const microsPerUnit = 1_000_000n;
/** Largest amount accepted from outside: a thousand million units. Leaves bigint columns far from overflow. */
export const maxMicros = 1_000_000_000n * microsPerUnit;

export const money = (currency: string, micros: bigint): Money => ({ currency, micros });
export const zero = (currency: string): Money => ({ currency, micros: 0n });

export const compare = (a: Money, b: Money): -1 | 0 | 1 => {
  if (a.currency !== b.currency) throw new RangeError(`currency mismatch: ${a.currency} and ${b.currency}`);
  return a.micros < b.micros ? -1 : a.micros > b.micros ? 1 : 0;
};

const decimalPattern = /^(-?)(0|[1-9]\d{0,9})(?:\.(\d{1,6}))?$/;

/**
 * Parses a decimal string such as "12.50" (at most six decimals, no exponent, no plus sign, no spaces).
 * @returns micro-units, or undefined when the text is not such a number.
 */
export const parseDecimal = (text: string): bigint | undefined => {
  const match = decimalPattern.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '0', fraction = ''] = match;
  const micros = BigInt(whole) * microsPerUnit + BigInt(fraction.padEnd(6, '0'));
  return sign === '-' ? -micros : micros;
};

/** "12.50", "0.0045", "-3.00": at least two decimals, no more than are needed. */
export const formatDecimal = (micros: bigint): string => {
  const negative = micros < 0n;
  const absolute = negative ? -micros : micros;
  const fraction = (absolute % microsPerUnit)
    .toString()
    .padStart(6, '0')
    .replace(/0{1,4}$/, '');
  return `${negative ? '-' : ''}${absolute / microsPerUnit}.${fraction}`;
};

/** ISO 4217 currencies whose smallest unit is not a hundredth. */
const exponents: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries({
    0: ['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'],
    3: ['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'],
    4: ['CLF', 'UYW'],
  }).flatMap(([exponent, codes]) => codes.map((code) => [code, Number(exponent)])),
);
const microsPerMinor = (currency: string): bigint => 10n ** BigInt(6 - (exponents[currency] ?? 2));

/** Cents, kobo, yen: whole smallest units of the currency. @returns undefined when the amount has a finer part */
export const toMinorUnits = ({ currency, micros }: Money): bigint | undefined =>
  micros % microsPerMinor(currency) === 0n ? micros / microsPerMinor(currency) : undefined;

/** The inverse of `toMinorUnits`; exact. */
export const fromMinorUnits = (currency: string, minor: bigint): Money => money(currency, minor * microsPerMinor(currency));
