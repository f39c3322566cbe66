import { sqlMigration } from '#platform/postgres/index.ts';

/** What the comparison of each gateway's day with our books came to. A row without `finished_at` is being worked at, or had no answer. */
export const statements = sqlMigration(
  '20261121-0021-statements',
  `
create table statement_checks (
  gateway text not null,
  day date not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  lines integer not null default 0,
  findings jsonb not null default '[]',
  primary key (gateway, day)
);
create index payment_attempts_settled on payment_attempts (gateway, settled_at) where status in ('succeeded', 'surplus');
create index refunds_gateway on refunds (gateway, gateway_refund_id) where gateway_refund_id <> '';
create index refunds_settled_at on refunds (gateway, settled_at) where status = 'succeeded';
`,
);
