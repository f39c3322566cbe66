import { appError } from '#platform/errors/index.ts';
import { type Database, decodeCursor, encodeCursor } from '#platform/postgres/index.ts';
import type { PeriodRow, UsageReader } from '../../../app/usage/ports.ts';
import type { Meter } from '../../../domain/usage-meters.ts';
import { periodOf } from './log.ts';

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;
const foreign = (): never => {
  throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
};

/** Where a list of (day | start, meter) goes on. */
const keyCursor = <T>(cursor: string, isKey: (value: unknown) => value is T): { readonly key: T; readonly meter: string } | undefined => {
  const values = decodeCursor(cursor, 2);
  if (values === undefined) return undefined;
  const [key, meter] = values;
  return isKey(key) && typeof meter === 'string' ? { key, meter } : foreign();
};
const isDay = (value: unknown): value is string => typeof value === 'string' && dayPattern.test(value) && !Number.isNaN(Date.parse(value));
const isTime = (value: unknown): value is Date => value instanceof Date;

interface TotalRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly zone: string;
  readonly meter: Meter;
  readonly quantity: bigint;
  readonly event_count: bigint;
  readonly rated_micros: bigint;
  readonly charged_micros: bigint;
  readonly owed_since: Date | null;
}
const totalOf = (row: TotalRow): PeriodRow => ({
  period: periodOf(row),
  meter: row.meter,
  quantity: row.quantity,
  events: row.event_count,
  ratedMicros: row.rated_micros,
  chargedMicros: row.charged_micros,
  owed: row.owed_since !== null,
});

const totals = `select p.id, p.tenant_id, p.starts_at, p.ends_at, p.zone, t.meter, t.quantity, t.event_count, t.rated_micros, t.charged_micros, t.owed_since
  from usage_periods p join usage_totals t on t.tenant_id = p.tenant_id and t.period_id = p.id where p.tenant_id = $1`;

export const postgresUsageReader = (db: Database): UsageReader => ({
  days: async (tenantId, { meter, from, to }, { limit, cursor }) => {
    const after = keyCursor(cursor, isDay);
    const rows = await db.query<{ day: string; meter: Meter; quantity: bigint }>(
      `select to_char(day, 'YYYY-MM-DD') as day, meter, quantity from usage_days
        where tenant_id = $1 and ($2::text is null or meter = $2) and ($3::date is null or day >= $3) and ($4::date is null or day <= $4)
          and ($5::date is null or (day, meter) < ($5::date, $6::text))
        order by usage_days.day desc, meter desc limit $7`,
      [tenantId, meter ?? null, from ?? null, to ?? null, after?.key ?? null, after?.meter ?? null, limit + 1],
    );
    const days = rows.slice(0, limit);
    const last = days.at(-1);
    return { days, nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.day, last.meter]) : '' };
  },

  periods: async (tenantId, meter, { limit, cursor }) => {
    const after = keyCursor(cursor, isTime);
    const rows = await db.query<TotalRow>(
      `${totals} and ($2::text is null or t.meter = $2) and ($3::timestamptz is null or (p.starts_at, t.meter) < ($3::timestamptz, $4::text))
        order by p.starts_at desc, t.meter desc limit $5`,
      [tenantId, meter ?? null, after?.key ?? null, after?.meter ?? null, limit + 1],
    );
    const periods = rows.slice(0, limit).map(totalOf);
    const last = periods.at(-1);
    return { periods, nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.period.startsAt, last.meter]) : '' };
  },

  current: async (tenantId, at) => {
    const rows = await db.query<TotalRow>(`${totals} and p.starts_at <= $2 and p.ends_at > $2 order by t.meter`, [tenantId, at]);
    const [first] = rows;
    return first === undefined ? undefined : { period: periodOf(first), totals: rows.map(totalOf) };
  },
});
