import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Days and months of a zone begin with their first instant, also where the clocks skip midnight or show it twice.
 */
export const calendarsAndCorrections = sqlMigration(
  '20261122-0129-calendars-and-corrections',
  `
-- The first instant at or after a midnight. Skipped or shown twice, it follows upon the last instant of the day before.
create function first_instant(p_midnight timestamp, p_zone text) returns timestamptz language sql stable as $$
  select least(p_midnight at time zone p_zone, (p_midnight - interval '1 microsecond') at time zone p_zone + interval '1 microsecond')
$$;
-- Of the day or month that an instant lies in, and of the one after it.
create function calendar_start(p_unit text, p_zone text, p_at timestamptz) returns timestamptz language sql stable as $$
  select first_instant(date_trunc(p_unit, p_at at time zone p_zone), p_zone)
$$;
create function calendar_end(p_unit text, p_zone text, p_at timestamptz) returns timestamptz language sql stable as $$
  select first_instant(date_trunc(p_unit, p_at at time zone p_zone) + ('1 ' || p_unit)::interval, p_zone)
$$;
create or replace function budget_window(p_interval text, p_zone text, p_at timestamptz) returns timestamptz language sql stable as $$
  select calendar_start(case p_interval when 'daily' then 'day' else 'month' end, p_zone, p_at)
$$;
create or replace function budget_window_end(p_interval text, p_zone text, p_start timestamptz) returns timestamptz language sql stable as $$
  select calendar_end(case p_interval when 'daily' then 'day' else 'month' end, p_zone, p_start)
$$;
-- What is counted stays counted where a window begins earlier than it did.
update budget_windows w set starts_at = budget_window(b.interval, b.zone, w.starts_at)
  from budgets b where b.id = w.budget_id and w.starts_at <> budget_window(b.interval, b.zone, w.starts_at);
`,
);
