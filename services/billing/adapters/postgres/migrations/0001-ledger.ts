import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The books. Signs: an entry is positive when it credits the account; wallets are what we owe to customers.
 *
 * A wallet carries its balance, guarded by a CHECK. System accounts (revenue, clearing, promotion) are touched by every
 * transfer of every tenant: they carry nothing, their entries are only appended, and their balance is the sum of them
 * (view system_balances). No foreign keys from transfers and entries to accounts for the same reason: each would lock
 * the system account's row; the audit proves what they would have guarded.
 */
export const ledgerTables = sqlMigration(
  '20261121-0001-ledger-tables',
  `
create table accounts (
  id uuid primary key,
  tenant_id uuid,
  kind text not null check (kind in ('wallet', 'revenue', 'clearing', 'promotion')),
  discriminator text not null default '',
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  balance_micros bigint not null default 0,
  held_micros bigint not null default 0 check (held_micros >= 0),
  entry_count bigint not null default 0,
  last_entry_at timestamptz,
  version bigint not null default 0,
  created_at timestamptz not null,
  constraint accounts_owner check ((kind = 'wallet') = (tenant_id is not null)),
  constraint accounts_floor check (kind <> 'wallet' or balance_micros - held_micros >= 0),
  constraint accounts_derived check (kind = 'wallet' or (balance_micros = 0 and held_micros = 0 and entry_count = 0))
) with (fillfactor = 60);
create unique index accounts_wallet on accounts (tenant_id, currency) where kind = 'wallet';
create unique index accounts_system on accounts (kind, discriminator, currency) where kind <> 'wallet';

insert into accounts (id, kind, discriminator, currency, created_at) values
  ('01900000-0000-7000-8000-000000000001', 'revenue', 'verification', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000002', 'revenue', 'campaign', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000003', 'promotion', '', 'USD', '2026-11-21T00:00:00Z'),
  ('01900000-0000-7000-8000-000000000004', 'clearing', 'simulator', 'USD', '2026-11-21T00:00:00Z');

create table transfers (
  id uuid primary key,
  tenant_id uuid not null,
  type text not null check (type in ('payment', 'promotion', 'charge', 'refund')),
  debit_account_id uuid not null,
  credit_account_id uuid not null,
  amount_micros bigint not null check (amount_micros > 0),
  currency text not null,
  description text not null,
  reference text not null,
  hold_id uuid,
  payment_id uuid,
  idempotency_key text,
  request_hash bytea,
  created_at timestamptz not null,
  check (debit_account_id <> credit_account_id)
);
create index transfers_hold on transfers (hold_id) where hold_id is not null;
-- A payment is credited once, whatever the code above does.
create unique index transfers_payment on transfers (payment_id) where type = 'payment';
create unique index transfers_idempotency on transfers (tenant_id, type, idempotency_key) where idempotency_key is not null;

create table entries (
  transfer_id uuid not null,
  account_id uuid not null,
  type text not null,
  amount_micros bigint not null check (amount_micros <> 0),
  currency text not null,
  -- Both only on wallets: 1, 2, 3 … without gaps, and the balance right after. created_at never falls along it.
  account_sequence bigint,
  balance_after_micros bigint,
  created_at timestamptz not null,
  primary key (transfer_id, account_id)
);
create index entries_wallet on entries (account_id, created_at desc, account_sequence desc) where account_sequence is not null;
create index entries_wallet_type on entries (account_id, type, created_at desc, account_sequence desc) where account_sequence is not null;

create table holds (
  id uuid primary key,
  tenant_id uuid not null,
  state text not null default 'held' check (state in ('held', 'captured', 'released', 'expired')),
  amount_micros bigint not null check (amount_micros > 0),
  captured_micros bigint not null default 0,
  currency text not null,
  product text not null,
  reference text not null,
  description text not null,
  expires_at timestamptz not null,
  first_expires_at timestamptz not null,
  created_at timestamptz not null,
  resolved_at timestamptz,
  version bigint not null default 1,
  idempotency_key text not null,
  request_hash bytea not null,
  constraint holds_captured check (captured_micros between 0 and amount_micros),
  constraint holds_resolved check ((state = 'held') = (resolved_at is null))
) with (fillfactor = 80);
create unique index holds_idempotency on holds (tenant_id, idempotency_key);
create index holds_open on holds (expires_at) where state = 'held';

-- The first answer to each keyed capture and release.
create table hold_operations (
  tenant_id uuid not null,
  operation text not null check (operation in ('capture', 'release')),
  idempotency_key text not null,
  request_hash bytea not null,
  hold_id uuid not null,
  state text not null,
  captured_micros bigint not null,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  primary key (tenant_id, operation, idempotency_key)
);

-- What was delivered on a hold that could not pay for it; owed_micros > 0 waits for a decision of a person.
create table uncollected (
  hold_id uuid primary key,
  tenant_id uuid not null,
  product text not null,
  reference text not null,
  currency text not null,
  total_micros bigint not null check (total_micros > 0),
  collected_micros bigint not null default 0 check (collected_micros >= 0),
  owed_micros bigint not null default 0 check (owed_micros >= 0),
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index uncollected_owed on uncollected (tenant_id) where owed_micros > 0;

create view system_balances as
  select a.kind, a.discriminator, a.currency, coalesce(sum(e.amount_micros), 0) as balance_micros
    from accounts a left join entries e on e.account_id = a.id
   where a.kind <> 'wallet'
   group by a.kind, a.discriminator, a.currency;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: correct the books by another transfer', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger transfers_immutable before update or delete or truncate on transfers for each statement execute function refuse_change();
create trigger entries_immutable before update or delete or truncate on entries for each statement execute function refuse_change();
create trigger hold_operations_immutable before update or delete or truncate on hold_operations for each statement execute function refuse_change();
create trigger holds_kept before delete or truncate on holds for each statement execute function refuse_change();
create trigger holds_resolved_once before update on holds for each row when (old.state <> 'held') execute function refuse_change();
`,
);
