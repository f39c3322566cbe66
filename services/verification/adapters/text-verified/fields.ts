import { parseDecimal } from '#platform/money/index.ts';

export type Fields = Readonly<Record<string, unknown>>;

export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' && Number.isFinite(value) ? String(value) : '';

export const dateOf = (value: unknown): Date | undefined => {
  const date = new Date(textOf(value));
  return Number.isNaN(date.getTime()) ? undefined : date;
};

/** A price of the provider; 0 when it cannot be read: it is only compared, never charged. */
export const microsOf = (value: unknown): bigint => parseDecimal(textOf(value).replace(/^(-?\d+\.\d{6})\d+$/, '$1')) ?? 0n;
