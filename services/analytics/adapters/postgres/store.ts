import { raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Database, Queryable } from '#platform/postgres/index.ts';
import type { Audit, Divergence, EventStore, Figures, Spend, SpendLine, StoredEvent } from '../../app/ports.ts';
import type { FigureSum, Interval } from '../../domain/summary.ts';
import { HourlyFigureRow } from './rows.ts';

/**
 * Events and roll-ups in one statement. Only rows that are really new are counted, so that a repetition changes nothing
 * even without the consumer's inbox; upserts go in key order, so that two consumers do not wait for each other in a ring.
 */
export const appendSql = `
with added as (
  insert into events (id, tenant_id, subject, aggregate_id, aggregate_version, occurred_at, payload, figures)
  select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::jsonb[], $8::jsonb[])
  on conflict do nothing
  returning tenant_id, occurred_at, figures
), measured as (
  select tenant_id, date_trunc('hour', occurred_at, 'UTC') as hour, part->>'f' as figure, part->>'d' as dimension,
    sum((part->>'n')::bigint)::bigint as count, sum((part->>'m')::bigint)::bigint as micros
  from added cross join lateral jsonb_array_elements(figures) as part
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
)
insert into hourly_figures (tenant_id, hour, figure, dimension, count, micros)
select * from measured
on conflict (tenant_id, hour, figure, dimension) do update
  set count = hourly_figures.count + excluded.count, micros = hourly_figures.micros + excluded.micros`;

const figuresJson = ({ measurements }: StoredEvent): string =>
  JSON.stringify(
    measurements.map(({ figure, dimension, count, micros }) => ({ f: figure, d: dimension, n: String(count), m: String(micros) })),
  );

export const eventStore = (db: Queryable): EventStore => ({
  append: async (events) => {
    if (events.length === 0) return;
    const column = <T>(of: (event: StoredEvent) => T): T[] => events.map(of);
    await db.query(
      appendSql,
      [
        column(({ id }) => id),
        column(({ tenantId }) => tenantId),
        column(({ subject }) => subject),
        column(({ aggregateId }) => aggregateId),
        column(({ aggregateVersion }) => aggregateVersion),
        column(({ occurredAt }) => occurredAt),
        column(({ payload }) => JSON.stringify(payload)),
        column(figuresJson),
      ],
      { name: 'append-events' },
    );
  },
});

/** Sums of whole hours, by the primary key's range. */
export const hoursQuery = (em: EntityManager, tenantId: string, { from, to }: Interval) =>
  em
    .createQueryBuilder(HourlyFigureRow, 'h')
    .select(['h.figure', raw('sum(h.count)::bigint as count'), raw('sum(h.micros)::bigint as micros')])
    .where({ tenantId, hour: { $gte: from, $lt: to } })
    .groupBy('h.figure');

export const sumEventsSql = `
select part->>'f' as figure, sum((part->>'n')::bigint)::bigint as count, sum((part->>'m')::bigint)::bigint as micros
from events cross join lateral jsonb_array_elements(figures) as part
where tenant_id = $1 and occurred_at >= $2 and occurred_at < $3 group by 1`;

/** By the primary key's range of hours. */
const spendSql = `
select to_char(hour at time zone 'UTC', 'YYYY-MM-DD') as day, dimension as product, substr(figure, 7) as currency,
  sum(micros)::bigint as micros, sum(count)::bigint as charges
from hourly_figures where tenant_id = $1 and hour >= $2 and hour < $3 and figure like 'spend.%'
group by 1, 2, 3 order by 1 desc, 2, 3`;

export const spendReader = (db: Queryable): Spend => ({
  byDay: (tenantId, { from, to }) => db.query<SpendLine>(spendSql, [tenantId, from, to]),
});

export const figureReader = (db: Database): Figures => ({
  sumHours: async (tenantId, hours) => {
    // The ORM leaves computed columns as the driver's text.
    const rows = await hoursQuery(db.em(), tenantId, hours).execute<Record<'figure' | 'count' | 'micros', string>[]>('all', false);
    return rows.map(({ figure, count, micros }) => ({ figure, count: BigInt(count), micros: BigInt(micros) }));
  },
  sumEvents: (tenantId, { from, to }) => db.query<FigureSum>(sumEventsSql, [tenantId, from, to]),
});

export const divergenceSql = `
with recounted as (
  select tenant_id, date_trunc('hour', occurred_at, 'UTC') as hour, part->>'f' as figure, part->>'d' as dimension,
    sum((part->>'n')::bigint)::bigint as count, sum((part->>'m')::bigint)::bigint as micros
  from events cross join lateral jsonb_array_elements(figures) as part
  group by 1, 2, 3, 4
)
select coalesce(r.tenant_id, h.tenant_id) as tenant_id, coalesce(r.hour, h.hour) as hour, coalesce(r.figure, h.figure) as figure,
  coalesce(r.dimension, h.dimension) as dimension,
  format('%s (%s micros)', h.count, h.micros) as rolled_up, format('%s (%s micros)', r.count, r.micros) as recounted
from recounted r full join hourly_figures h using (tenant_id, hour, figure, dimension)
where (r.count, r.micros) is distinct from (h.count, h.micros)
order by 1, 2, 3, 4 limit 1`;

export const figureAudit = (db: Queryable): Audit => ({
  firstDivergence: async () => {
    const [row] = await db.query<{
      tenant_id: string;
      hour: Date;
      figure: string;
      dimension: string;
      rolled_up: string;
      recounted: string;
    }>(divergenceSql);
    if (row === undefined) return undefined;
    const { tenant_id: tenantId, rolled_up: rolledUp, ...rest } = row;
    return { tenantId, rolledUp, ...rest } satisfies Divergence;
  },
});

/** Prepares the partitions of this month and the two that follow; safe in several replicas. */
export const prepareMonths = async (db: Database, now: Date): Promise<void> => {
  for (let ahead = 0; ahead <= 2; ahead++) {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1));
    await db.query('select prepare_month($1::date)', [month.toISOString().slice(0, 10)]);
  }
};
