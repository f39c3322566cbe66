import { sqlMigration } from '#platform/postgres/index.ts';

/** What was held for a late code that then costs nothing goes back, as soon as that is decided. */
export const lateHolds = sqlMigration(
  '20261121-0072-late-holds',
  `
-- asked: billing may hold its price. unneeded: that has to go back, although the code is decided.
alter table late_codes add column hold text not null default 'none' check (hold in ('none', 'asked', 'unneeded'));
-- The rule of due_at.
alter table late_codes drop constraint late_codes_check1;
alter table late_codes add constraint late_codes_due check ((due_at is not null) = (state = 'pending' or hold = 'unneeded'));
alter table late_codes add constraint late_codes_unneeded check (hold <> 'unneeded' or state in ('hidden', 'shown'));
drop index late_codes_due;
create index late_codes_due on late_codes (due_at) where due_at is not null;
-- Those from before may have been asked for already.
update late_codes set hold = 'asked' where state = 'pending' and attempts > 0;
`,
);
