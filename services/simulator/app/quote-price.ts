import { parseDecimal } from '#platform/money/index.ts';
import type { HandlerApiSettings } from '../domain/settings.ts';

/** `tg/6` beats `tg` beats any service in country 6 (`*` before the slash). */
const lookUp = <Value>(
  table: Readonly<Record<string, Value>>,
  service: string,
  countryId: number,
): { key: string; value: Value } | undefined => {
  for (const key of [`${service}/${countryId}`, service, `*/${countryId}`]) {
    const value = table[key];
    if (value !== undefined) return { key, value };
  }
  return undefined;
};

export const priceMicros = (settings: HandlerApiSettings, service: string, countryId: number): bigint =>
  parseDecimal(lookUp(settings.costs, service, countryId)?.value ?? settings.cost) ?? 0n;

const plenty = 1_000;

/** How many numbers the price list claims: what is left of a limited stock, else plenty. */
export const stockOf = (settings: HandlerApiSettings, service: string, countryId: number): number =>
  lookUp(settings.stock, service, countryId)?.value ?? plenty;

/** @returns false when a limited stock is used up */
export const takeFromStock = (settings: HandlerApiSettings, service: string, countryId: number): boolean => {
  const limited = lookUp(settings.stock, service, countryId);
  if (limited === undefined) return true;
  if (limited.value <= 0) return false;
  settings.stock[limited.key] = limited.value - 1;
  return true;
};
