import { webhooks } from './0003-webhooks.ts';
import { webhookReplays } from './0004-webhook-replays.ts';
import { platformMigration, sqlMigration } from '#platform/postgres/index.ts';

export const migrations = [
  platformMigration,
  sqlMigration(
    '20261121-0001-deliveries',
    `
create table deliveries (
  id uuid primary key,
  tenant_id uuid not null,
  kind text not null,
  subject_id uuid not null,
  event_id uuid not null,
  status text not null default 'pending' check (status in ('pending', 'sent', 'skipped', 'failed')),
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  recipient_masked text not null default '',
  last_error text,
  created_at timestamptz not null,
  ended_at timestamptz,
  unique (event_id, kind),
  check ((status = 'pending') = (next_attempt_at is not null))
);
create index deliveries_due on deliveries (next_attempt_at) where status = 'pending';
create index deliveries_by_tenant on deliveries (tenant_id, id desc);
create index deliveries_ended on deliveries (ended_at) where ended_at is not null;
`,
  ),
  sqlMigration('20261121-0002-facts', `alter table deliveries add column facts jsonb not null default '{}'`),
  webhooks,
  webhookReplays,
];
