import { sqlMigration } from '#platform/postgres/index.ts';

/** Alerts on usage, budgets and the balance. What an alert has seen is part of its row: a crossing is found once, whoever looks. */
export const alerts = sqlMigration(
  '20261121-0052-alerts',
  `
create table usage_alerts (
  id uuid primary key,
  tenant_id uuid not null,
  name text not null,
  metric text not null check (metric in ('usage_quantity', 'usage_amount', 'included_percent', 'budget_percent', 'wallet_balance')),
  meter text not null default '',
  budget_id uuid references budgets on delete cascade,
  threshold bigint not null check (threshold > 0),
  direction text not null check (direction in ('up', 'down')),
  recurrence text not null check (recurrence in ('once', 'every', 'multiple')),
  enabled boolean not null default true,
  -- What was seen last, and of which period. Null: nothing yet.
  seen_scope text,
  seen_value bigint,
  -- Wallets: the entry of which the balance was seen, and its time, which is what entries are found by.
  seen_sequence bigint not null default 0,
  seen_at timestamptz not null default '-infinity',
  fired bigint not null default 0,
  last_fired_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint usage_alerts_budget check ((metric = 'budget_percent') = (budget_id is not null))
);
create index usage_alerts_tenant on usage_alerts (tenant_id, created_at desc, id desc);
create index usage_alerts_watched on usage_alerts (metric, tenant_id) where enabled;
create index usage_alerts_budget on usage_alerts (budget_id) where budget_id is not null;

create table usage_alert_events (
  alert_id uuid not null references usage_alerts on delete cascade,
  number bigint not null,
  tenant_id uuid not null,
  scope text not null,
  threshold bigint not null,
  value bigint not null,
  occurred_at timestamptz not null,
  primary key (alert_id, number)
);
`,
);
