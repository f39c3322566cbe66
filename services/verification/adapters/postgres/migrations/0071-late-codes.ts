import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Codes that came after the end, until the plan's rule has been applied to them, and what became of each. A row lives as long as its message.
 */
export const lateCodes = sqlMigration(
  '20261121-0071-late-codes',
  `
create table late_codes (
  message_id uuid primary key references messages (id) on delete cascade,
  verification_id uuid not null,
  tenant_id uuid not null,
  -- pending: not decided yet. hidden: for good, reason says why. shown, charged: the customer sees it.
  state text not null default 'pending' check (state in ('pending', 'hidden', 'shown', 'charged')),
  reason text check ((reason is not null) = (state = 'hidden')),
  arrived_at timestamptz not null,
  due_at timestamptz check ((due_at is not null) = (state = 'pending')),
  decided_at timestamptz check ((decided_at is null) = (state = 'pending')),
  attempts integer not null default 0,
  leased_until timestamptz
);
create index late_codes_due on late_codes (due_at) where state = 'pending';
create index late_codes_of on late_codes (verification_id, state);
-- Has the number been rented to somebody since?
create index rentals_by_phone on rentals (phone_number) where phone_number is not null;
`,
);
