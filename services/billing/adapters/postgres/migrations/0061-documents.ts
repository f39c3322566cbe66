import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Invoices, credit notes and receipts. A wallet's entries are numbered without gaps, so a billing period is a range of numbers that
 * begins where the period before ended: nothing can be billed twice or left out. docs/adr/0018.
 */
export const documents = sqlMigration(
  '20261121-0061-documents',
  `
create table billing_details (
  tenant_id uuid primary key,
  name text not null,
  address text[] not null,
  country text not null,
  tax_id text not null,
  time_zone text not null,
  updated_by text not null,
  updated_at timestamptz not null
);

create table tax_rates (
  country text not null check (country ~ '^[A-Z]{2}$'),
  valid_from timestamptz not null,
  name text not null,
  rate_ppm integer not null check (rate_ppm between 0 and 1000000),
  inclusive boolean not null,
  primary key (country, valid_from)
);

-- The running billing period of each wallet.
create table billing_schedules (
  wallet_id uuid primary key references accounts,
  tenant_id uuid not null,
  currency text not null,
  period_from timestamptz not null,
  period_to timestamptz not null,
  last_sequence bigint not null default 0 check (last_sequence >= 0),
  check (period_from < period_to)
);
create index billing_schedules_due on billing_schedules (period_to);
create unique index billing_schedules_tenant on billing_schedules (tenant_id, currency);

-- Months begin in UTC until the tenant says where he is.
create function schedule_wallet() returns trigger language plpgsql as $$
begin
  insert into billing_schedules (wallet_id, tenant_id, currency, period_from, period_to)
  values (new.id, new.tenant_id, new.currency, new.created_at,
          (date_trunc('month', new.created_at at time zone 'UTC') + interval '1 month') at time zone 'UTC');
  return null;
end $$;
create trigger accounts_scheduled after insert on accounts for each row when (new.kind = 'wallet') execute function schedule_wallet();
insert into billing_schedules (wallet_id, tenant_id, currency, period_from, period_to)
  select id, tenant_id, currency, created_at, (date_trunc('month', created_at at time zone 'UTC') + interval '1 month') at time zone 'UTC'
    from accounts where kind = 'wallet';

create table document_counters (
  issuer text not null,
  kind text not null,
  year integer not null,
  last bigint not null check (last > 0),
  primary key (issuer, kind, year)
);

create table documents (
  id uuid primary key,
  tenant_id uuid not null,
  kind text not null check (kind in ('invoice', 'credit_note', 'receipt')),
  issuer text not null,
  year integer not null,
  sequence bigint not null check (sequence > 0),
  number text not null,
  payment_id uuid,
  currency text not null,
  total_micros bigint not null,
  -- What it says, as JSON, and the SHA-256 of exactly this text.
  content text not null,
  content_hash bytea not null,
  issued_at timestamptz not null,
  constraint documents_receipt check ((kind = 'receipt') = (payment_id is not null))
);
create unique index documents_sequence on documents (issuer, kind, year, sequence);
create unique index documents_number on documents (number);
create unique index documents_payment on documents (payment_id) where payment_id is not null;
create index documents_tenant on documents (tenant_id, kind, issued_at desc, id desc);
create trigger documents_immutable before update or delete or truncate on documents for each statement execute function refuse_change();

create table closed_periods (
  wallet_id uuid not null,
  tenant_id uuid not null,
  currency text not null,
  period_from timestamptz not null,
  period_to timestamptz not null,
  time_zone text not null,
  -- Entries after the first up to the second.
  after_sequence bigint not null,
  to_sequence bigint not null,
  invoice_id uuid,
  credit_note_id uuid,
  closed_at timestamptz not null,
  primary key (wallet_id, period_from),
  check (period_from < period_to),
  check (after_sequence <= to_sequence)
);
create unique index closed_periods_end on closed_periods (wallet_id, period_to);
create index closed_periods_sequence on closed_periods (wallet_id, to_sequence);
create trigger closed_periods_immutable before update or delete or truncate on closed_periods for each statement execute function refuse_change();

-- Payments that have succeeded and have no receipt yet.
create table receipts_due (
  payment_id uuid primary key,
  settled_at timestamptz not null
);
create index receipts_due_order on receipts_due (settled_at, payment_id);
create function queue_receipt() returns trigger language plpgsql as $$
begin
  insert into receipts_due (payment_id, settled_at) values (new.id, coalesce(new.settled_at, new.created_at)) on conflict do nothing;
  return null;
end $$;
create trigger payments_receipt after update on payments for each row
  when (new.status = 'succeeded' and old.status in ('pending', 'failed')) execute function queue_receipt();
insert into receipts_due (payment_id, settled_at) select id, coalesce(settled_at, created_at) from payments where status = 'succeeded';
`,
);
