import type { CustomTypesConfig } from 'pg';

/** PostgreSQL type ids that MikroORM keeps as text or that a number cannot hold. */
const oid = { int8: 20, int8Array: 1016, date: 1082, timestamp: 1114, timestamptz: 1184, timestamptzArray: 1185, xid8: 5069 } as const;

type TypesModule = CustomTypesConfig;

/** "2026-01-01 12:00:00.123+00"; infinity has no Date. */
const toDate = (text: string): Date | null => {
  const at = new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  return Number.isNaN(at.getTime()) ? null : at;
};

const simpleArray =
  <T>(parse: (text: string) => T) =>
  (text: string): (T | null)[] =>
    text === '{}'
      ? []
      : text
          .slice(1, -1)
          .split(',')
          .map((item) => (item === 'NULL' ? null : parse(item.replaceAll('"', ''))));

/**
 * Result parsers for `query`. They travel with each statement instead of sitting on the connection, because MikroORM
 * expects its own (dates as text) when it hydrates entities over the same pool.
 */
export const queryTypes = (base: TypesModule): CustomTypesConfig => {
  const own = new Map<number, (text: string) => unknown>([
    [oid.int8, BigInt],
    [oid.xid8, BigInt],
    [oid.int8Array, simpleArray(BigInt)],
    [oid.timestamptz, toDate],
    [oid.timestamptzArray, simpleArray(toDate)],
    [oid.timestamp, (text) => toDate(`${text}+00`)],
    [oid.date, (text) => text],
  ]);
  return {
    getTypeParser: ((id: number, format?: 'text' | 'binary') =>
      own.get(id) ??
      (base.getTypeParser as (id: number, format?: string) => unknown)(id, format ?? 'text')) as CustomTypesConfig['getTypeParser'],
  };
};
