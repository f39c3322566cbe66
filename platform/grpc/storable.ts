/**
 * What no service can keep is refused before any handler sees it: PostgreSQL's text holds no NUL, and a timestamp outside
 * the years 1 to 9999 (the range of google.protobuf.Timestamp) is no time. Otherwise one such value would be a failure of ours.
 */
import { appError, type FieldViolation } from '#platform/errors/index.ts';

const firstMs = Date.parse('0001-01-01T00:00:00.000Z');
const lastMs = Date.parse('9999-12-31T23:59:59.999Z');
const maxReported = 20;
const maxPathLength = 200;
/** More than any schema of ours has, less than what a stack holds. */
const maxDepth = 100;

const pathOf = (path: string, key: string | number): string =>
  typeof key === 'number' ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;

const collect = (value: unknown, path: string, found: FieldViolation[], depth: number): void => {
  if (found.length === maxReported) return;
  if (typeof value === 'string') {
    if (value.includes('\u0000')) found.push({ field: path.slice(0, maxPathLength), reason: 'must not contain the NUL character' });
  } else if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  else if (depth > maxDepth) found.push({ field: path.slice(0, maxPathLength), reason: 'is nested too deeply' });
  else if (value instanceof Date) {
    const ms = value.getTime();
    // An invalid Date is NaN, for which both comparisons are false.
    if (!(ms >= firstMs && ms <= lastMs))
      found.push({ field: path.slice(0, maxPathLength), reason: 'is not a time between the years 1 and 9999' });
  } else if (Array.isArray(value)) value.forEach((item, index) => collect(item, pathOf(path, index), found, depth + 1));
  else
    for (const key in value) {
      if (key.includes('\u0000')) found.push({ field: path.slice(0, maxPathLength), reason: 'has a key that contains the NUL character' });
      else collect((value as Record<string, unknown>)[key], pathOf(path, key), found, depth + 1);
    }
};

/** @throws request.invalid that names every field with a NUL character or an impossible time */
export const requireStorable = (request: unknown): void => {
  const fields: FieldViolation[] = [];
  collect(request, '', fields, 0);
  if (fields.length > 0) throw appError('request.invalid', { fields });
};
