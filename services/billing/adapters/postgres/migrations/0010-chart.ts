import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The chart of accounts and the kinds of transfers that all features of billing post with, and the two questions that the
 * ledger asks before it reserves money. Other features answer them by `create or replace`; until then everything may be spent.
 */
export const chart = sqlMigration(
  '20261121-0010-chart',
  `
alter table accounts drop constraint accounts_kind_check;
alter table accounts add constraint accounts_kind check (kind in
  ('wallet', 'revenue', 'clearing', 'promotion', 'refunds', 'provider_cost', 'breakage', 'rounding', 'adjustment', 'dispute'));

insert into accounts (id, kind, discriminator, currency, created_at) values
  ('01900000-0000-7000-8000-000000000010', 'revenue', 'rental', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000011', 'revenue', 'subscription', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000012', 'revenue', 'usage', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000013', 'refunds', '', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000014', 'provider_cost', '', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000015', 'breakage', '', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000016', 'rounding', '', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000017', 'adjustment', '', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000018', 'dispute', '', 'USD', '2026-11-21T00:00:00Z');

alter table transfers drop constraint transfers_type_check;
alter table transfers add constraint transfers_type check (type in
  ('payment', 'promotion', 'charge', 'refund', 'payment_refund', 'dispute', 'subscription', 'usage', 'adjustment', 'expiry'));
-- Of a refund: the charge that it gives back, whole or in part.
alter table transfers add column reverses_id uuid;
create index transfers_reverses on transfers (reverses_id) where reverses_id is not null;

-- The quote that a hold was placed on; the hold never exceeds it.
alter table holds add column quote_id uuid;

-- May p_amount more be reserved? Null: yes; else 'spending_paused' or 'budget_exhausted'. The ledger asks with the tenant's wallet
-- locked. p_amount is everything that the batch would reserve for the tenant beyond what is committed, so an answer must never turn
-- from a refusal to null as p_amount grows.
create function spending_refusal(p_tenant uuid, p_currency text, p_amount bigint, p_now timestamptz) returns text language sql stable as $$
  select null::text
$$;

-- May a hold of p_amount be placed on this quote of this tenant? Null: yes; else 'quote_invalid' (unknown, expired, used up) or
-- 'quote_exceeded'. Asked only for holds that name a quote.
create function quote_refusal(p_tenant uuid, p_quote uuid, p_currency text, p_amount bigint, p_now timestamptz) returns text language sql stable as $$
  select null::text
$$;
`,
);
