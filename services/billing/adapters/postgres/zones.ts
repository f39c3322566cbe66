import { addMs, dayMs } from '#platform/time/index.ts';
import type { Queryable } from '#platform/postgres/index.ts';

const localSql = `select to_char(at at time zone name, 'YYYY-MM-DD HH24:MI:SS') as local
  from pg_timezone_names, unnest($2::timestamptz[]) with ordinality as t (at, place) where lower(name) = lower($1) order by place`;

/**
 * Node cuts billing periods, PostgreSQL days of usage and windows of budgets: a zone is good when both know it and read it alike. Node knows
 * names that IANA took back (US/Pacific-New); PostgreSQL takes CET for an hour's offset, in summer too.
 */
export const knowsZone = async (queryable: Queryable, zone: string, now: Date): Promise<boolean> => {
  if (zone === 'UTC') return true;
  const times = [now, addMs(now, 182 * dayMs)];
  const rows = await queryable.query<{ local: string }>(localSql, [zone, times]);
  if (rows.length !== times.length) return false;
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  return rows.every(({ local }, index) => local === format.format(times[index]));
};
