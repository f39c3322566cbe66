import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Price books, quotes and promotions. A version of a book is one document: it is written as a draft and frozen when it is
 * published; then only its end may move, and only to earlier. Whatever the code above does, two published versions of one book
 * are never effective at the same moment, and nobody approves his own prices for a tenant.
 */
export const prices = sqlMigration(
  '20261121-0030-prices',
  `
create extension if not exists btree_gist;

create table price_books (
  id uuid primary key,
  -- default · plan:<plan> · tenant:<id>
  book text not null,
  scope text not null check (scope in ('default', 'plan', 'tenant')),
  plan text not null,
  tenant_id uuid,
  -- 0 until it is published, then 1, 2, 3 … in its book.
  version integer not null default 0 check (version >= 0),
  state text not null check (state in ('draft', 'proposed', 'published', 'rejected')),
  content jsonb not null,
  note text not null,
  -- Of a proposal: what is asked for.
  effective_from timestamptz,
  effective_to timestamptz,
  revision integer not null default 1,
  created_by text not null,
  created_at timestamptz not null,
  proposed_by text,
  decided_by text,
  decided_at timestamptz,
  idempotency_key text,
  request_hash bytea,
  constraint price_books_owner check (book = case scope when 'default' then 'default' when 'plan' then 'plan:' || plan else 'tenant:' || tenant_id end),
  constraint price_books_published check (state <> 'published' or (version > 0 and effective_from is not null and decided_by is not null)),
  constraint price_books_span check (effective_to >= effective_from),
  constraint price_books_two_persons check (state <> 'published' or scope <> 'tenant' or decided_by <> proposed_by and proposed_by is not null),
  constraint price_books_one_at_a_time exclude using gist (book with =, tstzrange(effective_from, effective_to) with &&) where (state = 'published')
);
create unique index price_books_version on price_books (book, version) where version > 0;
create unique index price_books_idempotency on price_books (created_by, idempotency_key) where idempotency_key is not null;
create index price_books_list on price_books (created_at desc, id desc);
create index price_books_of_book on price_books (book, created_at desc, id desc);

create function keep_published_prices() returns trigger language plpgsql as $$
begin
  if old.state = 'published' and (tg_op = 'DELETE'
     or (to_jsonb(new) - 'effective_to' - 'revision') is distinct from (to_jsonb(old) - 'effective_to' - 'revision')
     or coalesce(new.effective_to, 'infinity') > coalesce(old.effective_to, 'infinity')) then
    raise exception 'published prices do not change: publish another version' using errcode = 'restrict_violation';
  end if;
  return coalesce(new, old);
end $$;
create trigger price_books_immutable before update or delete on price_books for each row execute function keep_published_prices();

-- Everybody pays the list price of whatever has one. Messages cost fractions of a cent.
insert into price_books (id, book, scope, plan, version, state, content, note, effective_from, created_by, created_at, decided_by, decided_at) values
  ('01900000-0000-7000-8000-000000000030', 'default', 'default', '', 1, 'published', '{
    "rules": [
      {"match": {"product": "verification"}, "price": {"kind": "multiple", "value": "1000000"}, "net": false, "rounding": "minor"},
      {"match": {"product": "rental"}, "price": {"kind": "multiple", "value": "1000000"}, "net": false, "rounding": "minor"},
      {"match": {"product": "campaign"}, "price": {"kind": "multiple", "value": "1000000"}, "net": false, "rounding": "micro"}
    ], "volume": null, "maxDiscount": "500000"}', 'List prices', '2000-01-01T00:00:00Z', 'service:migration', '2026-11-21T00:00:00Z', 'service:migration', '2026-11-21T00:00:00Z');

-- A promise. The same price for the same things again is the same quote, which then lives longer: as many rows as there are
-- prices that customers have met, not as many as questions.
create table quotes (
  id uuid primary key,
  tenant_id uuid not null,
  fingerprint bytea not null,
  currency text not null,
  total_micros bigint not null check (total_micros >= 0),
  plan text not null,
  items jsonb not null,
  expires_at timestamptz not null,
  created_at timestamptz not null
) with (fillfactor = 80);
create unique index quotes_fingerprint on quotes (tenant_id, fingerprint);
create function keep_quotes() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or (to_jsonb(new) - 'expires_at') is distinct from (to_jsonb(old) - 'expires_at') or new.expires_at < old.expires_at then
    raise exception 'a quote is a promise: only its expiry moves, to later' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger quotes_immutable before update or delete on quotes for each row execute function keep_quotes();

-- See 0010: asked by the ledger for holds that name a quote.
create or replace function quote_refusal(p_tenant uuid, p_quote uuid, p_currency text, p_amount bigint, p_now timestamptz) returns text language sql stable as $$
  select case
    when q.id is null or q.currency <> p_currency or q.expires_at <= p_now then 'quote_invalid'
    when p_amount > q.total_micros then 'quote_exceeded'
  end from (select 1) one left join quotes q on q.id = p_quote and q.tenant_id = p_tenant
$$;

create table promotions (
  id uuid primary key,
  code text not null unique check (code = upper(code)),
  kind text not null check (kind in ('percent', 'fixed', 'credit')),
  percent_ppm bigint not null check (percent_ppm between 0 and 1000000),
  amount_micros bigint not null check (amount_micros >= 0),
  currency text not null,
  products text[] not null,
  minimum_micros bigint not null check (minimum_micros >= 0),
  first_purchase_only boolean not null,
  starts_at timestamptz not null,
  ends_at timestamptz,
  total_limit integer not null check (total_limit >= 0),
  tenant_limit integer not null check (tenant_limit >= 0),
  benefit_days integer not null check (benefit_days >= 0),
  redeemed integer not null default 0,
  created_by text not null,
  created_at timestamptz not null,
  idempotency_key text not null,
  request_hash bytea not null,
  constraint promotions_value check (case when kind = 'percent' then percent_ppm > 0 and amount_micros = 0 else percent_ppm = 0 and amount_micros > 0 end),
  constraint promotions_limit check (total_limit = 0 or redeemed <= total_limit)
);
create unique index promotions_idempotency on promotions (created_by, idempotency_key);
create index promotions_list on promotions (created_at desc, id desc);

create table redemptions (
  id uuid primary key,
  tenant_id uuid not null,
  promotion_id uuid not null references promotions,
  transfer_id uuid,
  benefit_ends_at timestamptz,
  -- Of percent and fixed; credit is done when it is given.
  benefit boolean not null,
  idempotency_key text not null,
  request_hash bytea not null,
  created_at timestamptz not null
);
create unique index redemptions_idempotency on redemptions (tenant_id, idempotency_key);
create index redemptions_of_tenant on redemptions (tenant_id, created_at desc, id desc);
create index redemptions_of_promotion on redemptions (promotion_id, tenant_id);
create index redemptions_benefits on redemptions (tenant_id) where benefit;

-- What a tenant has spent in a month, counted on when it is asked: nothing is added to the path of a charge. mark_* is the last
-- entry of the wallet that is in it.
create table month_volumes (
  tenant_id uuid not null,
  currency text not null,
  month date not null,
  spent_micros bigint not null default 0,
  purchases bigint not null default 0,
  mark_sequence bigint not null default 0,
  mark_at timestamptz not null,
  primary key (tenant_id, currency, month)
);

-- Charges less what was given back (below zero when that was charged in an earlier month), and how many purchases were charged: a
-- hold once in a month, whatever the number of its captures. The answer does not depend on when it was asked before.
create function month_volume(p_tenant uuid, p_currency text, p_now timestamptz) returns month_volumes language plpgsql as $$
declare
  first_day timestamptz := date_trunc('month', p_now, 'UTC');
  v month_volumes;
  wallet uuid;
begin
  insert into month_volumes (tenant_id, currency, month, mark_at) values (p_tenant, p_currency, (first_day at time zone 'UTC')::date, first_day)
  on conflict do nothing;
  select * into strict v from month_volumes where tenant_id = p_tenant and currency = p_currency and month = (first_day at time zone 'UTC')::date for update;
  select id into wallet from accounts where tenant_id = p_tenant and currency = p_currency and kind = 'wallet';
  if not found then return v; end if;
  -- A wallet's entries are numbered without gaps, and their times never fall.
  with fresh as (
    select e.account_sequence, e.created_at, e.amount_micros, e.type, t.id, t.hold_id
      from entries e join transfers t on t.id = e.transfer_id
     where e.account_id = wallet and e.account_sequence is not null and e.created_at >= v.mark_at and e.account_sequence > v.mark_sequence
       and e.created_at < first_day + interval '1 month'
  ), counted as (
    select coalesce(-sum(amount_micros) filter (where type in ('charge', 'usage', 'refund')), 0) as spent,
           count(*) filter (where type = 'charge' and hold_id is null)
             + count(distinct hold_id) filter (where type = 'charge' and not exists (
                 select 1 from transfers o join entries x on x.transfer_id = o.id and x.account_id = wallet
                  where o.hold_id = fresh.hold_id and o.type = 'charge' and x.account_sequence <= v.mark_sequence and x.created_at >= first_day)) as purchases,
           max(account_sequence) as sequence, max(created_at) as at
      from fresh
  )
  update month_volumes m set spent_micros = m.spent_micros + c.spent, purchases = m.purchases + c.purchases, mark_sequence = c.sequence, mark_at = c.at
    from counted c where c.sequence is not null and m.tenant_id = v.tenant_id and m.currency = v.currency and m.month = v.month
  returning m.* into v;
  if not found then
    select * into strict v from month_volumes where tenant_id = p_tenant and currency = p_currency and month = (first_day at time zone 'UTC')::date;
  end if;
  return v;
end $$;
`,
);
