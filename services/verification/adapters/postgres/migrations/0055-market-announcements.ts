import { sqlMigration } from '#platform/postgres/index.ts';

/** What was told of each offer last, so that one of many replicas tells what is different, once. */
export const marketAnnouncements = sqlMigration(
  '20261121-0055-market-announcements',
  `
-- Null: never told, which is the same as told to be gone.
alter table market_offers add column announced_open boolean, add column announced_cost_micros bigint;
-- Was it told to sell, or to be paused?
alter table provider_states add column announced_open boolean;
create table market_announcements (
  single boolean primary key default true check (single),
  -- How many there have been: the version of the event.
  number bigint not null,
  looked_at timestamptz not null,
  due_at timestamptz not null
);
insert into market_announcements (number, looked_at, due_at) values (0, '-infinity', '-infinity');
`,
);
