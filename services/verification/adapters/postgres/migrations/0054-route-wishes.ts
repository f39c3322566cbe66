import { sqlMigration } from '#platform/postgres/index.ts';

/** What a bulk order says of routes, item by item: names of providers. */
export const routeWishes = sqlMigration(
  '20261121-0054-route-wishes',
  `
alter table batch_items
  add column excluded_providers text[] not null default '{}',
  add column preferred_providers text[] not null default '{}';
`,
);
