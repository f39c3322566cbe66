import { sqlMigration } from '#platform/postgres/index.ts';

/** Where the money of each further gateway comes from, in the books. */
export const clearing = sqlMigration(
  '20261121-0004-clearing',
  `
insert into accounts (id, kind, discriminator, currency, created_at) values
  ('01900000-0000-7000-8000-000000000005', 'clearing', 'stripe', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000006', 'clearing', 'paystack', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000007', 'clearing', 'flutterwave', 'USD', '2026-11-21T00:00:00Z');
`,
);
