import { platformMigration, sqlMigration } from '#platform/postgres/index.ts';

/**
 * events: partitioned by month, so that retention is the drop of a table. The default partition takes what no month was
 * prepared for; nothing is ever refused. `figures` is what the event adds to the roll-ups: [{f, d, n, m}].
 */
export const migrations = [
  platformMigration,
  sqlMigration(
    '20261121-0001-events',
    `
create table events (
  id uuid not null,
  tenant_id uuid not null,
  subject text not null,
  aggregate_id text not null,
  aggregate_version bigint not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null default now(),
  payload jsonb not null,
  figures jsonb not null,
  primary key (tenant_id, id, occurred_at)
) partition by range (occurred_at);
create table events_default partition of events default;
create index events_by_time on events (tenant_id, occurred_at);

create table hourly_figures (
  tenant_id uuid not null,
  hour timestamptz not null,
  figure text not null,
  dimension text not null,
  count bigint not null,
  micros bigint not null,
  primary key (tenant_id, hour, figure, dimension)
) with (fillfactor = 70);

create function prepare_month(month date) returns void language plpgsql as $$
declare
  partition text := format('events_%s', to_char(month, 'YYYY_MM'));
  lower_end timestamptz := date_trunc('month', month::timestamp) at time zone 'UTC';
  upper_end timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') at time zone 'UTC';
begin
  -- One replica at a time; the other finds the partition there.
  perform pg_advisory_xact_lock(7220100002);
  if to_regclass(partition) is not null then return; end if;
  -- Rows of that month that came too early keep living in the default partition: a new one could not be attached over them.
  if exists (select from events_default where occurred_at >= lower_end and occurred_at < upper_end) then return; end if;
  execute format('create table %I partition of events for values from (%L) to (%L)', partition, lower_end, upper_end);
end $$;
`,
  ),
];
