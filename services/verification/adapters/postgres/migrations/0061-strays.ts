import { sqlMigration } from '#platform/postgres/index.ts';

/** Numbers that a provider's list of active ones has and we do not, or not any more: claims without a customer. */
export const strays = sqlMigration(
  '20261121-0061-strays',
  `
-- A stray has an id of its own in verification_id, and the tenant of zeros: it is nobody's purchase.
alter table provider_settlements
  add column origin text not null default 'verification' check (origin in ('verification', 'stray')),
  -- How often a settled claim was opened again because the number was still active.
  add column reopened integer not null default 0;
create unique index provider_settlements_stray on provider_settlements (provider, activation_id) where origin = 'stray';

alter table provider_states
  add column sweep_due_at timestamptz not null default '-infinity',
  add column sweep_leased_until timestamptz,
  -- When the list of the sweep before was asked for, and what stood in it that nobody knew.
  add column swept_at timestamptz,
  add column suspects text[] not null default '{}';
`,
);
