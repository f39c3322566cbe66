import { fromMinorUnits, toMinorUnits } from '#platform/money/index.ts';

/** Whole cents (kobo, yen …) as protocols count; a half cent, which only a fault makes, is dropped. */
export const minorUnits = (currency: string, micros: bigint): number => {
  const unit = fromMinorUnits(currency, 1n).micros;
  return Number(toMinorUnits({ currency, micros: micros - (micros % unit) }) ?? 0n);
};

/** @returns micro-units, or undefined when the text is not a positive whole number */
export const microsOfMinor = (currency: string, text: unknown): bigint | undefined =>
  /^[1-9]\d{0,12}$/.test(String(text)) ? fromMinorUnits(currency, BigInt(String(text))).micros : undefined;
