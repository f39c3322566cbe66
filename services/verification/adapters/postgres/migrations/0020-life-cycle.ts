import { sqlMigration } from '#platform/postgres/index.ts';

/** Further codes on one number, reports of bad numbers, retries, and what happened when. */
export const lifeCycle = sqlMigration(
  '20261121-0020-life-cycle',
  `
alter table verifications drop constraint verifications_state_check;
alter table verifications add constraint verifications_state_check check (
  state in ('reserving','unknown','waiting','cancelling','received','retrying','completed','cancelled','expired','failed')
);
alter table verifications add column retry_of uuid;
alter table verifications add column cancellable_at timestamptz;
alter table verifications add column report_reason text;
-- Messages that the customer can see.
alter table verifications add column codes integer not null default 0;
alter table verifications add column another_asked_at timestamptz;
alter table verifications add column another_price_micros bigint;
alter table verifications add column another_hold_id text;
-- What happened when, appended by the statement that changes the row: no write of its own.
alter table verifications add column history jsonb not null default '[]';
update verifications v set codes = (select count(*) from messages m where m.verification_id = v.id and not m.hidden) where v.sealed_code is not null;

-- Exact numbers and retries are looked for seldom, and must be found at once then.
create index verifications_by_phone on verifications (tenant_id, phone_number, id) where phone_number is not null;
create index verifications_by_retry on verifications (tenant_id, retry_of, id) where retry_of is not null;
`,
);
