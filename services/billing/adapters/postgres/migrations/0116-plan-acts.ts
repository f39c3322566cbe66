import { sqlMigration } from '#platform/postgres/index.ts';

/** Plans that operators gave: what goes on without charge, and who decided so and why. */
export const planActs = sqlMigration(
  '20261121-0116-plan-acts',
  `
alter table subscriptions add column granted boolean not null default false;

create table plan_acts (
  id uuid primary key,
  tenant_id uuid not null,
  subscription_id uuid not null,
  previous_plan text not null,
  plan text not null,
  operator text not null,
  reason text not null,
  created_at timestamptz not null
);
create index plan_acts_tenant on plan_acts (tenant_id, created_at desc, id desc);
create trigger plan_acts_kept before update or delete or truncate on plan_acts for each statement execute function refuse_change();
`,
);
