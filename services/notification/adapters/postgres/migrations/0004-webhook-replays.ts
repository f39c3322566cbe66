import { sqlMigration } from '#platform/postgres/index.ts';

/** What is replayed lets go first what happens now: a code is worth something for minutes. */
export const webhookReplays = sqlMigration(
  '20261121-0004-webhook-replays',
  `
alter table webhook_deliveries add column replayed boolean not null default false;
create index webhook_deliveries_live on webhook_deliveries (endpoint_id, next_attempt_at, id) where status = 'pending' and not replayed;
create index webhook_deliveries_replayed on webhook_deliveries (endpoint_id, next_attempt_at, id) where status = 'pending' and replayed;
`,
);
