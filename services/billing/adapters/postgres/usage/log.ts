import { newId } from '#platform/ids/index.ts';
import type { Database, Queryable } from '#platform/postgres/index.ts';
import type { Recorded, UsageLog, UsagePeriod, UsagePeriods } from '../../../app/usage/ports.ts';
import type { UsageEvent } from '../../../domain/usage-events.ts';

/**
 * One statement: each event finds its period, is kept unless its id is known, and what is new is added to totals and days. Rows are written in
 * key order, so that two calls at once lock in one order. The period is looked up by key: the newest that has begun, if it has not ended.
 * A zone that is unknown here, as the release before may have written it, holds up nobody.
 */
const recordSql = `with given as materialized (
    select g.*, p.id as period_id, p.zone
      from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::jsonb[])
             with ordinality as g (tenant_id, meter, event_id, quantity, occurred_at, properties, position)
      left join lateral (
        select c.id, c.zone from (select * from usage_periods u where u.tenant_id = g.tenant_id and u.starts_at <= g.occurred_at order by u.starts_at desc limit 1) c
         where c.ends_at > g.occurred_at) p on true
  ), fresh as (
    insert into usage_events (tenant_id, meter, event_id, quantity, occurred_at, recorded_at, period_id, properties)
    select tenant_id, meter, event_id, quantity, occurred_at, $7, period_id, properties
      from given where period_id is not null order by tenant_id, meter, event_id, position
    on conflict do nothing
    returning tenant_id, meter, event_id, quantity, occurred_at, period_id
  ), totals as (
    insert into usage_totals (tenant_id, period_id, meter, quantity, event_count, dirty_since, due_at, updated_at)
    select tenant_id, period_id, meter, sum(quantity), count(*), $7, $7, $7 from fresh group by 1, 2, 3 order by 1, 2, 3
    on conflict (tenant_id, period_id, meter) do update
       set quantity = usage_totals.quantity + excluded.quantity, event_count = usage_totals.event_count + excluded.event_count,
           dirty_since = coalesce(usage_totals.dirty_since, excluded.dirty_since), due_at = least(usage_totals.due_at, excluded.due_at), updated_at = excluded.updated_at
  ), zones as materialized (
    select period_id, known_zone(zone) as zone from (select distinct period_id, zone from given where period_id is not null) p
  ), days as (
    insert into usage_days (tenant_id, day, meter, quantity)
    select f.tenant_id, (f.occurred_at at time zone z.zone)::date, f.meter, sum(f.quantity)
      from fresh f join zones z on z.period_id = f.period_id group by 1, 2, 3 order by 1, 2, 3
    on conflict (tenant_id, day, meter) do update set quantity = usage_days.quantity + excluded.quantity
  )
  select (select count(*) from fresh)::int as accepted, array(select position::int from given where period_id is null order by position) as unplaced`;

/** Over any connection, so that a consumer records within its own transaction. */
export const postgresUsageLog = (queryable: Queryable): UsageLog => ({
  record: async (events, now): Promise<Recorded> => {
    const column = <T>(of: (event: UsageEvent) => T): T[] => events.map(of);
    const [row] = await queryable.query<{ accepted: number; unplaced: number[] }>(
      recordSql,
      [
        column(({ tenantId }) => tenantId),
        column(({ meter }) => meter),
        column(({ id }) => id),
        column(({ quantity }) => quantity),
        column(({ occurredAt }) => occurredAt),
        column(({ properties }) => (Object.keys(properties).length === 0 ? null : JSON.stringify(properties))),
        now,
      ],
      { name: 'record-usage' },
    );
    const { accepted = 0, unplaced = [] } = row ?? {};
    return {
      accepted,
      duplicates: events.length - accepted - unplaced.length,
      unplaced: unplaced.map((position) => events[position - 1]).filter((event) => event !== undefined),
    };
  },
});

interface PeriodRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly zone: string;
}
export const periodOf = (row: PeriodRow): UsagePeriod => ({
  id: row.id,
  tenantId: row.tenant_id,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
  zone: row.zone,
});

const coveringSql = `select id, tenant_id, starts_at, ends_at, zone from usage_periods
  where tenant_id = $1 and starts_at <= $2 and ends_at > $2`;
/** Between the neighbours that are there already. Without a billed period: the month of the zone's calendar. */
const openSql = `with wanted as (
    select z.zone, coalesce($4::timestamptz, calendar_start('month', z.zone, $2::timestamptz)) as starts_at,
           coalesce($5::timestamptz, calendar_end('month', z.zone, $2::timestamptz)) as ends_at from known_zone($3) z (zone)
  ), room as (
    select w.zone, greatest(w.starts_at, (select max(p.ends_at) from usage_periods p where p.tenant_id = $1 and p.ends_at <= $2)) as starts_at,
           least(w.ends_at, (select min(p.starts_at) from usage_periods p where p.tenant_id = $1 and p.starts_at > $2)) as ends_at from wanted w
  )
  insert into usage_periods (id, tenant_id, starts_at, ends_at, zone, created_at) select $6, $1, starts_at, ends_at, zone, $7 from room on conflict do nothing`;

const postgresUsagePeriods = (queryable: Queryable): UsagePeriods => ({
  open: async (tenantId, at, { zone, billed }) => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const [found] = await queryable.query<PeriodRow>(coveringSql, [tenantId, at]);
      if (found !== undefined) return periodOf(found);
      await queryable.query(openSql, [tenantId, at, zone, billed?.startsAt ?? null, billed?.endsAt ?? null, newId(), at]);
    }
    throw new Error(`no period of ${tenantId} could be opened at ${at.toISOString()}`);
  },
  cut: async (tenantId, at) => {
    await queryable.query('update usage_periods set ends_at = $2 where tenant_id = $1 and starts_at < $2 and ends_at > $2', [tenantId, at]);
  },
});

/** For a single call: periods are opened outside a transaction, so nobody waits for anybody. */
export const usageStore = (db: Database): UsageLog & UsagePeriods => ({ ...postgresUsageLog(db), ...postgresUsagePeriods(db) });
