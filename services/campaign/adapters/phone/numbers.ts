import { parsePhoneNumberWithError } from 'libphonenumber-js';
import type { CountryOf, NormalisePhone } from '../../app/ports.ts';

/**
 * No default region: a number without "+" could belong to any country. Judged by country code and length only: tables of
 * assigned ranges age, and would refuse the ranges regulators reserve for examples; the carrier knows better.
 */
export const normalisePhone: NormalisePhone = (text) => {
  const trimmed = text.trim();
  if (!trimmed.startsWith('+') || trimmed.length > 40) return undefined;
  try {
    const number = parsePhoneNumberWithError(trimmed);
    return number.isPossible() && number.ext === undefined ? number.number : undefined;
  } catch {
    return undefined;
  }
};

/** Numbers of ranges that no table assigns belong to the first country of their calling code. */
export const countryOf: CountryOf = (phone) => {
  try {
    const number = parsePhoneNumberWithError(phone);
    return number.country ?? number.getPossibleCountries()[0] ?? '';
  } catch {
    return '';
  }
};
