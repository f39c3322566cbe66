/** Rates: decimal text outside, parts per million inside. */
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { formatDecimal, parseDecimal } from '#platform/money/index.ts';

export const Percent = Type.String({
  pattern: String.raw`^(100(\.0{1,4})?|\d{1,2}(\.\d{1,4})?)$`,
  description: 'Percent, 0 to 100, at most four decimals',
  examples: ['12.5'],
});
export const Factor = Type.String({
  pattern: String.raw`^(0|[1-9]\d{0,2})(\.\d{1,6})?$`,
  description: 'Times the list price, at most six decimals',
  examples: ['0.9'],
});

const parsed = (field: string, text: string): bigint => {
  const micros = parseDecimal(text);
  if (micros === undefined) throw appError('request.invalid', { fields: [{ field, reason: 'is not a number in range' }] });
  return micros;
};

/** "12.5" → 125000 @param text matches Percent */
export const toPpm = (field: string, text: string): bigint => parsed(field, text) / 100n;
/** "0.9" → 900000 @param text matches Factor */
export const factorToPpm = parsed;

const short = (text: string): string => text.replace(/\.?0+$/, '');

export const fromPpm = (ppm: bigint): string => short(formatDecimal(ppm * 100n));
export const factorFromPpm = (ppm: bigint): string => short(formatDecimal(ppm));
