import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * What a wallet's balance is made of. Every credit to a wallet is a grant (its id is that of the transfer that made it): paid or
 * promotional, with a priority and perhaps an expiry. Every debit is taken from grants in a fixed order; grant_entries note how
 * much of each transfer came from, or went to, which grant. So Σ remaining = balance, and a refund knows where to go back to.
 *
 * The grants of a wallet change only while its row is locked. docs/adr/0016.
 */
export const credits = sqlMigration(
  '20261121-0011-credits',
  `
create table grants (
  id uuid primary key,
  tenant_id uuid not null,
  wallet_id uuid not null references accounts,
  currency text not null,
  kind text not null check (kind in ('paid', 'promotional')),
  -- Burnt first: the smallest.
  priority smallint not null check (priority between 1 and 100),
  amount_micros bigint not null check (amount_micros > 0),
  remaining_micros bigint not null,
  -- In an index's condition instead of remaining_micros, so that burning a part stays a heap-only update.
  open boolean not null default true,
  expires_at timestamptz,
  payment_id uuid,
  created_at timestamptz not null,
  constraint grants_remaining check (remaining_micros between 0 and amount_micros),
  constraint grants_open check (open = (remaining_micros > 0))
) with (fillfactor = 60);
create index grants_of_wallet on grants (wallet_id) where open;
create index grants_of_tenant on grants (tenant_id, created_at desc, id desc);
create index grants_payment on grants (payment_id) where payment_id is not null;

create table grant_entries (
  transfer_id uuid not null,
  grant_id uuid not null,
  amount_micros bigint not null check (amount_micros <> 0),
  primary key (transfer_id, grant_id)
);
create trigger grant_entries_immutable before update or delete or truncate on grant_entries for each statement execute function refuse_change();
create trigger grants_kept before delete or truncate on grants for each statement execute function refuse_change();

alter table accounts add column promotional_micros bigint not null default 0;
-- No credit lapses before this; null: none does. It may be too early, never too late.
alter table accounts add column credit_expires_at timestamptz;
alter table accounts add constraint accounts_parts check (
  case when kind = 'wallet' then promotional_micros between 0 and balance_micros else promotional_micros = 0 and credit_expires_at is null end);
create index accounts_lapsing on accounts (credit_expires_at, id) where credit_expires_at is not null;
create index transfers_payment_moves on transfers (payment_id) where payment_id is not null and type <> 'payment';

-- Expired credit that is still here is held: it goes first. Then by priority, expiry, age.
create function burn_order(g grants, p_now timestamptz) returns record language sql immutable as $$
  select (case when g.expires_at <= p_now then 0 else g.priority end, coalesce(g.expires_at, 'infinity'), g.created_at, g.id)
$$;

-- Takes p_amount out of the grants of a locked wallet. Money leaves through a gateway only out of paid credit, first that of the
-- payment itself; a dispute takes paid credit before promotional. @returns the promotional part
create function burn_credit(p_wallet uuid, p_transfer uuid, p_amount bigint, p_type text, p_payment uuid, p_now timestamptz) returns bigint language plpgsql as $$
declare
  burnt bigint;
  promotional bigint;
begin
  with open as (
    select g.id, g.remaining_micros,
           sum(g.remaining_micros) over (order by
             p_type in ('payment_refund', 'dispute') and g.payment_id is distinct from p_payment,
             p_type in ('payment_refund', 'dispute') and g.kind = 'promotional',
             burn_order(g, p_now)) - g.remaining_micros as before
      from grants g where g.wallet_id = p_wallet and g.open and (p_type <> 'payment_refund' or g.kind = 'paid')
  ), parts as (
    select id, least(remaining_micros, p_amount - before)::bigint as part from open where before < p_amount
  ), written as (
    update grants g set remaining_micros = g.remaining_micros - parts.part, open = g.remaining_micros > parts.part
      from parts where parts.id = g.id returning g.kind, parts.part, g.id
  ), noted as (
    insert into grant_entries (transfer_id, grant_id, amount_micros) select p_transfer, id, -part from written
  )
  select coalesce(sum(part), 0), coalesce(sum(part) filter (where kind = 'promotional'), 0) into burnt, promotional from written;
  if burnt <> p_amount then raise exception 'the grants of wallet % cover % of %', p_wallet, burnt, p_amount; end if;
  return promotional;
end $$;

-- Gives p_amount back to the grants that p_sources (debits, and what was given back of them before) took it from, last burnt first.
-- A grant that has expired meanwhile lives 30 days more: a service that failed does not cost the customer his credit.
-- @returns the promotional part; null when p_sources took less than p_amount in all, and then nothing was done
create function return_credit(p_wallet uuid, p_transfer uuid, p_amount bigint, p_sources uuid[], p_now timestamptz) returns bigint language plpgsql as $$
declare
  returned bigint;
  promotional bigint;
  expiry timestamptz;
begin
  if (select coalesce(-sum(amount_micros), 0) from grant_entries where transfer_id = any(p_sources)) < p_amount then return null; end if;
  with taken as (
    select e.grant_id, -sum(e.amount_micros) as net from grant_entries e where e.transfer_id = any(p_sources) group by e.grant_id
  ), ordered as (
    select g.id, t.net, sum(t.net) over (order by burn_order(g, '-infinity') desc) - t.net as before
      from taken t join grants g on g.id = t.grant_id where t.net > 0
  ), parts as (
    select id, least(net, p_amount - before)::bigint as part from ordered where before < p_amount
  ), written as (
    update grants g set remaining_micros = g.remaining_micros + parts.part, open = true,
           expires_at = case when g.expires_at <= p_now then p_now + interval '30 days' else g.expires_at end
      from parts where parts.id = g.id and g.wallet_id = p_wallet returning g.kind, parts.part, g.id, g.expires_at
  ), noted as (
    insert into grant_entries (transfer_id, grant_id, amount_micros) select p_transfer, id, part from written
  )
  select coalesce(sum(part), 0), coalesce(sum(part) filter (where kind = 'promotional'), 0), min(expires_at)
    into returned, promotional, expiry from written;
  if returned <> p_amount then raise exception 'wallet % got % of % back', p_wallet, returned, p_amount; end if;
  update accounts set credit_expires_at = least(credit_expires_at, expiry) where id = p_wallet and expiry is not null;
  return promotional;
end $$;

-- The row of a wallet, its transfer and both entries. The caller has locked the wallet and moved its grants.
create function post_transfer(
  w accounts, p_transfer uuid, p_delta bigint, p_unhold bigint, p_promotional bigint, p_type text, p_system uuid, p_description text,
  p_reference text, p_hold uuid, p_payment uuid, p_reverses uuid, p_key text, p_hash bytea, p_now timestamptz
) returns void language plpgsql as $$
begin
  update accounts
     set balance_micros = balance_micros + p_delta, held_micros = held_micros - p_unhold, promotional_micros = promotional_micros + p_promotional,
         entry_count = entry_count + 1, last_entry_at = greatest(last_entry_at, p_now), version = version + 1
   where id = w.id returning * into w;
  insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference,
                         hold_id, payment_id, reverses_id, idempotency_key, request_hash, created_at)
  values (p_transfer, w.tenant_id, p_type, case when p_delta < 0 then w.id else p_system end, case when p_delta < 0 then p_system else w.id end,
          abs(p_delta), w.currency, p_description, p_reference, p_hold, p_payment, p_reverses, p_key, p_hash, w.last_entry_at);
  insert into entries (transfer_id, account_id, type, amount_micros, currency, account_sequence, balance_after_micros, created_at)
  values (p_transfer, w.id, p_type, p_delta, w.currency, w.entry_count, w.balance_micros, w.last_entry_at),
         (p_transfer, p_system, p_type, -p_delta, w.currency, null, null, w.last_entry_at);
end $$;

-- New credit on a locked wallet.
create function post_grant(
  w accounts, p_transfer uuid, p_amount bigint, p_credit text, p_priority integer, p_expires timestamptz, p_type text, p_system uuid,
  p_description text, p_reference text, p_hold uuid, p_payment uuid, p_key text, p_hash bytea, p_now timestamptz
) returns void language plpgsql as $$
begin
  insert into grants (id, tenant_id, wallet_id, currency, kind, priority, amount_micros, remaining_micros, expires_at, payment_id, created_at)
  values (p_transfer, w.tenant_id, w.id, w.currency, p_credit, p_priority, p_amount, p_amount, p_expires, p_payment, p_now);
  insert into grant_entries (transfer_id, grant_id, amount_micros) values (p_transfer, p_transfer, p_amount);
  if p_expires is not null then update accounts set credit_expires_at = least(credit_expires_at, p_expires) where id = w.id; end if;
  perform post_transfer(w, p_transfer, p_amount, 0, case when p_credit = 'promotional' then p_amount else 0 end, p_type, p_system,
                        p_description, p_reference, p_hold, p_payment, null, p_key, p_hash, p_now);
end $$;

-- Takes what has expired and is not held out of a locked wallet, as one transfer to breakage. Holds reserve credit in the order in
-- which it is burnt: what they reach does not lapse before they are resolved.
create function lapse_credit(p_wallet uuid, p_now timestamptz) returns bigint language plpgsql as $$
declare
  w accounts;
  transfer uuid := gen_random_uuid();
  lapsed bigint;
  promotional bigint;
begin
  select * into strict w from accounts where id = p_wallet for update;
  with ordered as (
    select g.id, g.kind, g.remaining_micros, g.expires_at, sum(g.remaining_micros) over (order by burn_order(g, p_now)) as upto
      from grants g where g.wallet_id = p_wallet and g.open
  ), parts as (
    select id, kind, least(remaining_micros, upto - w.held_micros)::bigint as part from ordered where expires_at <= p_now and upto > w.held_micros
  ), written as (
    update grants g set remaining_micros = g.remaining_micros - parts.part, open = g.remaining_micros > parts.part
      from parts where parts.id = g.id
  ), noted as (
    insert into grant_entries (transfer_id, grant_id, amount_micros) select transfer, id, -part from parts
  )
  select coalesce(sum(part), 0), coalesce(sum(part) filter (where kind = 'promotional'), 0) into lapsed, promotional from parts;
  if lapsed > 0 then
    perform post_transfer(w, transfer, -lapsed, 0, -promotional, 'expiry',
                          (select id from accounts where kind = 'breakage' and discriminator = '' and currency = w.currency),
                          'Credit expired', '', null, null, null, null, null, p_now);
  end if;
  update accounts set credit_expires_at = (select min(expires_at) from grants where wallet_id = p_wallet and open) where id = p_wallet;
  return lapsed;
end $$;

-- The one way for a single movement on a wallet: row, transfer, entries and grants together. Other features call it.
-- p_delta > 0 makes a grant: of a payment a paid one, else a promotional one. Credits of type refund (with its hold), payment_refund
-- and dispute (with their payment) give back what was taken, to the grants that it was taken from.
-- False: the wallet is missing, or its available balance (of payment_refund: its paid part) too low; then nothing was done.
create or replace function post_to_wallet(
  p_transfer uuid, p_tenant uuid, p_currency text, p_delta bigint, p_unhold bigint, p_type text, p_kind text, p_discriminator text,
  p_description text, p_reference text, p_hold uuid, p_payment uuid, p_key text, p_hash bytea, p_now timestamptz
) returns boolean language plpgsql as $$
declare
  w accounts;
  system_id uuid;
  promotional bigint;
  sources uuid[];
begin
  select id into strict system_id from accounts where kind = p_kind and kind <> 'wallet' and discriminator = p_discriminator and currency = p_currency;
  select * into w from accounts where tenant_id = p_tenant and currency = p_currency and kind = 'wallet' for update;
  if not found then return false; end if;
  -- A charge of a hold may take credit that has expired since it was held; nothing else may.
  if w.credit_expires_at <= p_now and p_delta < 0 and p_unhold = 0 then
    perform lapse_credit(w.id, p_now);
    select * into w from accounts where id = w.id;
  end if;
  if w.balance_micros + p_delta - w.held_micros + p_unhold < 0 then return false; end if;
  if p_type = 'payment_refund' and w.balance_micros - w.promotional_micros + p_delta < 0 then return false; end if;
  if p_delta < 0 then
    promotional := -burn_credit(w.id, p_transfer, -p_delta, p_type, p_payment, p_now);
  elsif p_type = 'refund' and p_hold is not null or p_type in ('payment_refund', 'dispute') and p_payment is not null then
    sources := array(
      select id from transfers where tenant_id = p_tenant and p_type = 'refund' and hold_id = p_hold
      union all
      select id from transfers where tenant_id = p_tenant and p_type <> 'refund' and payment_id = p_payment and type = p_type and type <> 'payment');
    promotional := return_credit(w.id, p_transfer, p_delta, sources, p_now);
    if promotional is null then
      raise exception 'more would be given back than was taken' using errcode = 'check_violation', constraint = 'transfers_given_back';
    end if;
  else
    perform post_grant(w, p_transfer, p_delta, case when p_type = 'payment' then 'paid' else 'promotional' end,
                       case when p_type = 'payment' then 50 else 20 end, null, p_type, system_id, p_description, p_reference, p_hold,
                       case when p_type = 'payment' then p_payment end, p_key, p_hash, p_now);
    return true;
  end if;
  perform post_transfer(w, p_transfer, p_delta, p_unhold, promotional, p_type, system_id, p_description, p_reference, p_hold, p_payment,
                        null, p_key, p_hash, p_now);
  return true;
end $$;

-- Gives back a debit of this tenant, whole or in parts, from the account that it went to and to the grants that it came from. The type
-- is 'refund', or that of the debit itself (a payment refund that failed, a dispute that was won).
-- done · not_found (no such debit of this tenant) · exceeds (more than is left of it) · replayed · idempotency_conflict
create function reverse_transfer(
  p_transfer uuid, p_tenant uuid, p_reverses uuid, p_amount bigint, p_type text, p_description text, p_reference text,
  p_key text, p_hash bytea, p_now timestamptz
) returns text language plpgsql as $$
declare
  t transfers;
  w accounts;
  promotional bigint;
  earlier bytea;
begin
  select * into t from transfers where id = p_reverses and tenant_id = p_tenant;
  if not found then return 'not_found'; end if;
  select * into w from accounts where id = t.debit_account_id and kind = 'wallet' for update;
  if not found then return 'not_found'; end if;
  if p_key is not null then
    select request_hash into earlier from transfers where tenant_id = p_tenant and type = p_type and idempotency_key = p_key;
    if found then return case when earlier = p_hash then 'replayed' else 'idempotency_conflict' end; end if;
  end if;
  -- What was refunded by the hold as a whole counts, too.
  if t.hold_id is not null and p_amount > (
    select -coalesce(sum(e.amount_micros), 0) from transfers h join grant_entries e on e.transfer_id = h.id where h.hold_id = t.hold_id) then
    return 'exceeds';
  end if;
  promotional := return_credit(w.id, p_transfer, p_amount, array(select id from transfers where id = p_reverses or reverses_id = p_reverses), p_now);
  if promotional is null then return 'exceeds'; end if;
  select * into w from accounts where id = w.id;
  perform post_transfer(w, p_transfer, p_amount, 0, promotional, p_type, t.credit_account_id, p_description, p_reference, t.hold_id,
                        t.payment_id, p_reverses, p_key, p_hash, p_now);
  return 'done';
end $$;

-- Promotional credit under a key, opening the wallet if need be, with its event.
create function give_credit(
  p_transfer uuid, p_account uuid, p_tenant uuid, p_key text, p_hash bytea, p_amount bigint, p_currency text, p_reason text, p_priority integer,
  p_expires timestamptz, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns table (outcome text, transfer_id uuid) language plpgsql as $$
declare
  w accounts;
  earlier record;
begin
  insert into accounts (id, tenant_id, kind, currency, created_at) values (p_account, p_tenant, 'wallet', p_currency, p_now)
  on conflict (tenant_id, currency) where kind = 'wallet' do nothing;
  select * into strict w from accounts where tenant_id = p_tenant and currency = p_currency and kind = 'wallet' for update;
  select t.id, t.request_hash into earlier from transfers t where t.tenant_id = p_tenant and t.type = 'promotion' and t.idempotency_key = p_key;
  if found then
    if earlier.request_hash <> p_hash then return query select 'idempotency_conflict', null::uuid;
    else return query select 'replayed', earlier.id; end if;
    return;
  end if;
  perform post_grant(w, p_transfer, p_amount, 'promotional', p_priority, p_expires, 'promotion',
                     (select id from accounts where kind = 'promotion' and kind <> 'wallet' and discriminator = '' and currency = p_currency),
                     p_reason, '', null, null, p_key, p_hash, p_now);
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values (p_event, p_subject, p_transfer::text, 1, p_headers, p_payload);
  return query select 'done', p_transfer;
end $$;

-- What of a wallet may leave through a gateway: paid, and not held.
create function refundable_credit(p_tenant uuid, p_currency text) returns bigint language sql stable as $$
  select coalesce((select least(balance_micros - held_micros, balance_micros - promotional_micros)
                     from accounts where tenant_id = p_tenant and currency = p_currency and kind = 'wallet'), 0)
$$;

-- Wallets that exist already: their history again, entry by entry.
do $$
declare
  e record;
begin
  for e in
    select a.id as wallet, t.*, n.amount_micros as delta
      from entries n join accounts a on a.id = n.account_id and a.kind = 'wallet' join transfers t on t.id = n.transfer_id
     order by a.id, n.account_sequence
  loop
    if e.delta > 0 then
      insert into grants (id, tenant_id, wallet_id, currency, kind, priority, amount_micros, remaining_micros, payment_id, created_at)
      values (e.id, e.tenant_id, e.wallet, e.currency, case when e.type = 'payment' then 'paid' else 'promotional' end,
              case when e.type = 'payment' then 50 else 20 end, e.delta, e.delta, e.payment_id, e.created_at);
      insert into grant_entries (transfer_id, grant_id, amount_micros) values (e.id, e.id, e.delta);
    else
      perform burn_credit(e.wallet, e.id, -e.delta, e.type, null, e.created_at);
    end if;
  end loop;
  update accounts a set promotional_micros = s.total
    from (select wallet_id, sum(remaining_micros) as total from grants where kind = 'promotional' group by wallet_id) s where s.wallet_id = a.id;
end $$;
`,
);
