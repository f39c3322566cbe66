import { appError } from '#platform/errors/index.ts';

export type CursorValue = string | number | bigint | boolean | Date | null;

const encodeValue = (value: CursorValue): unknown => {
  if (typeof value === 'bigint') return { n: value.toString() };
  if (value instanceof Date) return { d: value.toISOString() };
  return value;
};

/** Only what a row can have held: a text without NUL, a bigint of eight bytes, a time in the years 1 to 9999. */
const decodeValue = (value: unknown): CursorValue => {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string' && !value.includes('\u0000')) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'object') {
    const { n, d } = value as { n?: unknown; d?: unknown };
    if (typeof n === 'string' && /^-?\d{1,19}$/.test(n) && BigInt.asIntN(64, BigInt(n)) === BigInt(n)) return BigInt(n);
    if (typeof d === 'string' && /^\d{4}-/.test(d) && Date.parse(d) >= Date.parse('0001-01-01T00:00:00.000Z')) return new Date(d);
  }
  throw new Error('not a cursor value');
};

/** Position of a keyset page, as opaque text: the sort values of the last row. */
export const encodeCursor = (values: readonly CursorValue[]): string =>
  values.length === 0 ? '' : Buffer.from(JSON.stringify(values.map(encodeValue))).toString('base64url');

/**
 * @param text what `encodeCursor` gave; empty means the first page
 * @param length how many values the cursor must hold
 * @returns the values, or undefined for the first page
 * @throws AppError request.invalid on field "cursor"
 */
export const decodeCursor = (text: string | undefined, length?: number): CursorValue[] | undefined => {
  if (text === undefined || text === '') return undefined;
  try {
    const values: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(values) || (length !== undefined && values.length !== length)) throw new Error('wrong shape');
    return values.map(decodeValue);
  } catch (cause) {
    throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }], cause });
  }
};

export const defaultPageLimit = 25;
export const maxPageLimit = 100;

/** @param limit what the request asked for; 0 or nothing = the default. @throws AppError request.invalid on field "limit" */
export const pageLimit = (limit: number | undefined): number => {
  if (limit === undefined || limit === 0) return defaultPageLimit;
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPageLimit) {
    throw appError('request.invalid', { fields: [{ field: 'limit', reason: `must be between 1 and ${maxPageLimit}` }] });
  }
  return limit;
};
