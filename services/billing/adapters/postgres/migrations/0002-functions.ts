import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The commands of the ledger, one call and one round trip each. Rules: domain/hold.ts, which the model test compares
 * with these. Locks are taken in the order hold, then wallet, and one wallet at a time (the sweeper: in tenant order),
 * so they cannot deadlock. A function returns its refusals as outcomes; it raises only on a broken invariant.
 * A changed function gets a new name: the code that is being replaced still calls the old one.
 */
export const ledgerFunctions = sqlMigration(
  '20261121-0002-ledger-functions',
  `
create type hold_answer as (
  outcome text, available_micros bigint,
  id uuid, state text, amount_micros bigint, captured_micros bigint, currency text, product text, reference text,
  description text, expires_at timestamptz, created_at timestamptz
);

create function hold_answer_of(p_outcome text, h holds) returns hold_answer language sql immutable as $$
  select row(p_outcome, null, h.id, h.state, h.amount_micros, h.captured_micros, h.currency, h.product, h.reference,
             h.description, h.expires_at, h.created_at)::hold_answer
$$;

create function money_json(p_currency text, p_micros bigint) returns jsonb language sql immutable as $$
  select jsonb_build_object('currency', p_currency, 'micros', p_micros::text)
$$;

-- Headers come from the application (trace, time, type); version and payload are known only here.
create function add_hold_event(p_id uuid, p_subject text, p_headers jsonb, h holds, p_version bigint, p_payload jsonb) returns void language sql as $$
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  values (p_id, p_subject, h.id::text, p_version, p_headers,
          convert_to((jsonb_build_object('holdId', h.id, 'product', h.product, 'reference', h.reference) || p_payload)::text, 'UTF8'))
$$;

-- The one place where a wallet's balance changes: row, transfer and both entries together.
-- False: the wallet is missing or its available balance too low; then nothing was done.
create function post_to_wallet(
  p_transfer uuid, p_tenant uuid, p_currency text, p_delta bigint, p_unhold bigint, p_type text, p_kind text, p_discriminator text,
  p_description text, p_reference text, p_hold uuid, p_payment uuid, p_key text, p_hash bytea, p_now timestamptz
) returns boolean language plpgsql as $$
declare
  w record;
  system_id uuid;
begin
  select id into strict system_id from accounts where kind = p_kind and kind <> 'wallet' and discriminator = p_discriminator and currency = p_currency;
  update accounts
     set balance_micros = balance_micros + p_delta, held_micros = held_micros - p_unhold,
         entry_count = entry_count + 1, last_entry_at = greatest(last_entry_at, p_now), version = version + 1
   where tenant_id = p_tenant and currency = p_currency and kind = 'wallet'
     and balance_micros + p_delta - held_micros + p_unhold >= 0
  returning id, balance_micros, entry_count, last_entry_at into w;
  if not found then return false; end if;
  insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference,
                         hold_id, payment_id, idempotency_key, request_hash, created_at)
  values (p_transfer, p_tenant, p_type, case when p_delta < 0 then w.id else system_id end, case when p_delta < 0 then system_id else w.id end,
          abs(p_delta), p_currency, p_description, p_reference, p_hold, p_payment, p_key, p_hash, w.last_entry_at);
  insert into entries (transfer_id, account_id, type, amount_micros, currency, account_sequence, balance_after_micros, created_at)
  values (p_transfer, w.id, p_type, p_delta, p_currency, w.entry_count, w.balance_micros, w.last_entry_at),
         (p_transfer, system_id, p_type, -p_delta, p_currency, null, null, w.last_entry_at);
  return true;
end $$;

create function place_hold(
  p_id uuid, p_tenant uuid, p_key text, p_hash bytea, p_amount bigint, p_currency text, p_product text, p_reference text,
  p_description text, p_expires timestamptz, p_expiry_acceptable boolean, p_now timestamptz
) returns hold_answer language plpgsql as $$
declare
  h holds;
  free bigint;
begin
  for attempt in 1..2 loop
    select * into h from holds where tenant_id = p_tenant and idempotency_key = p_key;
    if found then
      if h.request_hash <> p_hash then return row('idempotency_conflict', null, null, null, null, null, null, null, null, null, null, null)::hold_answer; end if;
      h.state := 'held'; h.captured_micros := 0; h.expires_at := h.first_expires_at;
      return hold_answer_of('replayed', h);
    end if;
    if not p_expiry_acceptable then return row('expiry_refused', null, null, null, null, null, null, null, null, null, null, null)::hold_answer; end if;
    -- A twin that holds the same key waits here for the wallet's row, and looks again below.
    update accounts set held_micros = held_micros + p_amount, version = version + 1
     where tenant_id = p_tenant and currency = p_currency and kind = 'wallet' and balance_micros - held_micros >= p_amount;
    if found then
      insert into holds (id, tenant_id, amount_micros, currency, product, reference, description, expires_at, first_expires_at, created_at, idempotency_key, request_hash)
      values (p_id, p_tenant, p_amount, p_currency, p_product, p_reference, p_description, p_expires, p_expires, p_now, p_key, p_hash)
      on conflict (tenant_id, idempotency_key) do nothing
      returning * into h;
      if found then return hold_answer_of('done', h); end if;
      update accounts set held_micros = held_micros - p_amount, version = version + 1
       where tenant_id = p_tenant and currency = p_currency and kind = 'wallet';
    end if;
  end loop;
  select balance_micros - held_micros into free from accounts where tenant_id = p_tenant and currency = p_currency and kind = 'wallet';
  return row('insufficient_credit', coalesce(free, 0), null, null, null, null, null, null, null, null, null, null)::hold_answer;
end $$;

-- The first answer of a keyed capture or release; null: the key is new.
create function replayed_operation(p_tenant uuid, p_operation text, p_key text, p_hash bytea) returns hold_answer language plpgsql stable as $$
declare
  o hold_operations;
  h holds;
begin
  select * into o from hold_operations where tenant_id = p_tenant and operation = p_operation and idempotency_key = p_key;
  if not found then return null; end if;
  if o.request_hash <> p_hash then return row('idempotency_conflict', null, null, null, null, null, null, null, null, null, null, null)::hold_answer; end if;
  select * into strict h from holds where id = o.hold_id;
  h.state := o.state; h.captured_micros := o.captured_micros; h.expires_at := o.expires_at;
  return hold_answer_of('replayed', h);
end $$;

create function capture_hold(
  p_id uuid, p_tenant uuid, p_key text, p_hash bytea, p_amount bigint, p_currency text, p_final boolean, p_now timestamptz, p_transfer uuid,
  p_captured_event uuid, p_captured_subject text, p_captured_headers jsonb, p_released_event uuid, p_released_subject text, p_released_headers jsonb
) returns hold_answer language plpgsql as $$
declare
  h holds;
  answer hold_answer;
  rest bigint;
begin
  select * into h from holds where id = p_id and tenant_id = p_tenant for update;
  -- After the lock, so that a twin of this call has either committed or is not there.
  answer := replayed_operation(p_tenant, 'capture', p_key, p_hash);
  if answer.outcome is not null then return answer; end if;
  if h.id is null then return row('not_found', null, null, null, null, null, null, null, null, null, null, null)::hold_answer; end if;
  if h.state <> 'held' then return hold_answer_of('hold_' || h.state, h); end if;
  if h.captured_micros + p_amount > h.amount_micros or h.currency <> p_currency then return hold_answer_of('capture_exceeds_hold', h); end if;
  rest := case when p_final then h.amount_micros - h.captured_micros - p_amount else 0 end;
  insert into hold_operations (tenant_id, operation, idempotency_key, request_hash, hold_id, state, captured_micros, expires_at, created_at)
  values (p_tenant, 'capture', p_key, p_hash, h.id, case when p_final then 'captured' else 'held' end, h.captured_micros + p_amount, h.expires_at, p_now)
  on conflict do nothing;
  -- The same key at the same moment for another hold.
  if not found then return replayed_operation(p_tenant, 'capture', p_key, p_hash); end if;
  update holds
     set captured_micros = captured_micros + p_amount, state = case when p_final then 'captured' else 'held' end,
         resolved_at = case when p_final then p_now end, version = version + case when rest > 0 then 2 else 1 end
   where id = h.id returning * into h;
  if not post_to_wallet(p_transfer, p_tenant, h.currency, -p_amount, p_amount + rest, 'charge', 'revenue', h.product,
                        h.description, h.reference, h.id, null, null, null, p_now) then
    raise exception 'hold % is not covered by its wallet', h.id;
  end if;
  perform add_hold_event(p_captured_event, p_captured_subject, p_captured_headers, h, h.version - case when rest > 0 then 1 else 0 end,
                         jsonb_build_object('amount', money_json(h.currency, p_amount), 'capturedTotal', money_json(h.currency, h.captured_micros)));
  if rest > 0 then
    perform add_hold_event(p_released_event, p_released_subject, p_released_headers, h, h.version, jsonb_build_object('amount', money_json(h.currency, rest)));
  end if;
  return hold_answer_of('done', h);
end $$;

-- Without a key it is the consequence of a fact: repetition finds the hold resolved and changes nothing.
create function release_hold(
  p_id uuid, p_tenant uuid, p_key text, p_hash bytea, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb
) returns hold_answer language plpgsql as $$
declare
  h holds;
  answer hold_answer;
  rest bigint;
begin
  select * into h from holds where id = p_id and tenant_id = p_tenant for update;
  if p_key is not null then
    answer := replayed_operation(p_tenant, 'release', p_key, p_hash);
    if answer.outcome is not null then return answer; end if;
  end if;
  if h.id is null then return row('not_found', null, null, null, null, null, null, null, null, null, null, null)::hold_answer; end if;
  if h.state <> 'held' then return hold_answer_of('hold_' || h.state, h); end if;
  rest := h.amount_micros - h.captured_micros;
  if p_key is not null then
    insert into hold_operations (tenant_id, operation, idempotency_key, request_hash, hold_id, state, captured_micros, expires_at, created_at)
    values (p_tenant, 'release', p_key, p_hash, h.id, 'released', h.captured_micros, h.expires_at, p_now)
    on conflict do nothing;
    if not found then return replayed_operation(p_tenant, 'release', p_key, p_hash); end if;
  end if;
  update holds set state = 'released', resolved_at = p_now, version = version + 1 where id = h.id returning * into h;
  update accounts set held_micros = held_micros - rest, version = version + 1
   where tenant_id = p_tenant and currency = h.currency and kind = 'wallet';
  perform add_hold_event(p_event, p_subject, p_headers, h, h.version, jsonb_build_object('amount', money_json(h.currency, rest)));
  return hold_answer_of('done', h);
end $$;

-- Step two of the sweeper, which holds the locks on these rows. One update per wallet, in tenant order.
create function expire_locked_holds(p_ids uuid[], p_events uuid[], p_subject text, p_headers jsonb[], p_now timestamptz) returns void language plpgsql as $$
declare
  w record;
  h holds;
  i integer;
begin
  for w in
    select tenant_id, currency, sum(amount_micros - captured_micros)::bigint as rest
      from holds where id = any(p_ids) group by tenant_id, currency order by tenant_id, currency
  loop
    update accounts set held_micros = held_micros - w.rest, version = version + 1
     where tenant_id = w.tenant_id and currency = w.currency and kind = 'wallet';
  end loop;
  for i in 1..cardinality(p_ids) loop
    update holds set state = 'expired', resolved_at = p_now, version = version + 1 where id = p_ids[i] returning * into strict h;
    perform add_hold_event(p_events[i], p_subject, p_headers[i], h, h.version,
                           jsonb_build_object('amount', money_json(h.currency, h.amount_micros - h.captured_micros)));
  end loop;
end $$;

-- Versions move in threes here: up to three events may follow, each with its own.
create function collect_charge(
  p_id uuid, p_tenant uuid, p_up_to bigint, p_final boolean, p_now timestamptz, p_transfer uuid, p_late_transfer uuid
) returns table (
  answer_id uuid, answer_state text, answer_amount bigint, answer_captured bigint, answer_currency text, answer_product text, answer_reference text,
  answer_description text, answer_expires_at timestamptz, answer_created_at timestamptz, answer_version bigint,
  answer_total bigint, answer_collected bigint, answer_owed bigint, captured_now bigint, collected_now bigint, give_back bigint
) language plpgsql as $$
#variable_conflict use_column
declare
  h holds;
  u uncollected;
  missing bigint;
  from_hold bigint := 0;
  from_free bigint := 0;
  rest bigint := 0;
  free bigint;
begin
  select * into h from holds where id = p_id and tenant_id = p_tenant for update;
  if not found then return; end if;
  select * into u from uncollected where hold_id = h.id for update;
  u.total_micros := coalesce(u.total_micros, 0);
  u.collected_micros := coalesce(u.collected_micros, 0);
  u.owed_micros := coalesce(u.owed_micros, 0);
  u.version := coalesce(u.version, 0);
  missing := greatest(greatest(u.total_micros, p_up_to) - h.captured_micros - u.collected_micros, 0);
  if h.state = 'held' then
    from_hold := least(missing, h.amount_micros - h.captured_micros);
    rest := case when p_final then h.amount_micros - h.captured_micros - from_hold else 0 end;
    if from_hold > 0 or p_final then
      update holds
         set captured_micros = captured_micros + from_hold,
             state = case when not p_final then 'held' when captured_micros + from_hold > 0 then 'captured' else 'released' end,
             resolved_at = case when p_final then p_now end, version = version + 3
       where id = h.id returning * into h;
    end if;
    if from_hold > 0 then
      if not post_to_wallet(p_transfer, p_tenant, h.currency, -from_hold, from_hold + rest, 'charge', 'revenue', h.product,
                            h.description, h.reference, h.id, null, null, null, p_now) then
        raise exception 'hold % is not covered by its wallet', h.id;
      end if;
    elsif rest > 0 then
      update accounts set held_micros = held_micros - rest, version = version + 1
       where tenant_id = p_tenant and currency = h.currency and kind = 'wallet';
    end if;
  end if;
  missing := missing - from_hold;
  if missing > 0 then
    select balance_micros - held_micros into free from accounts
     where tenant_id = p_tenant and currency = h.currency and kind = 'wallet' for update;
    from_free := least(missing, coalesce(free, 0));
    if from_free > 0 then
      if not post_to_wallet(p_late_transfer, p_tenant, h.currency, -from_free, 0, 'charge', 'revenue', h.product,
                            h.description, h.reference, h.id, null, null, null, p_now) then
        raise exception 'a locked wallet changed';
      end if;
    end if;
    insert into uncollected (hold_id, tenant_id, product, reference, currency, total_micros, collected_micros, owed_micros, version, created_at, updated_at)
    values (h.id, h.tenant_id, h.product, h.reference, h.currency, greatest(u.total_micros, p_up_to), from_free, missing - from_free, 3, p_now, p_now)
    on conflict (hold_id) do update
       set total_micros = excluded.total_micros, collected_micros = uncollected.collected_micros + excluded.collected_micros,
           owed_micros = excluded.owed_micros, version = uncollected.version + 3, updated_at = excluded.updated_at
    returning * into u;
  elsif u.owed_micros > 0 then
    update uncollected set owed_micros = 0, version = version + 1, updated_at = p_now where hold_id = h.id returning * into u;
  end if;
  return query select h.id, h.state, h.amount_micros, h.captured_micros, h.currency, h.product, h.reference, h.description, h.expires_at,
                      h.created_at, h.version + u.version, u.total_micros, u.collected_micros, u.owed_micros, from_hold, from_free, rest;
end $$;

create function grant_credit(
  p_transfer uuid, p_account uuid, p_tenant uuid, p_key text, p_hash bytea, p_amount bigint, p_currency text, p_reason text, p_now timestamptz,
  p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns table (outcome text, transfer_id uuid) language plpgsql as $$
#variable_conflict use_column
declare
  first record;
begin
  insert into accounts (id, tenant_id, kind, currency, created_at) values (p_account, p_tenant, 'wallet', p_currency, p_now)
  on conflict (tenant_id, currency) where kind = 'wallet' do nothing;
  perform 1 from accounts where tenant_id = p_tenant and currency = p_currency and kind = 'wallet' for update;
  select t.id, t.request_hash into first from transfers t where t.tenant_id = p_tenant and t.type = 'promotion' and t.idempotency_key = p_key;
  if found then
    if first.request_hash <> p_hash then return query select 'idempotency_conflict', null::uuid;
    else return query select 'replayed', first.id; end if;
    return;
  end if;
  if not post_to_wallet(p_transfer, p_tenant, p_currency, p_amount, 0, 'promotion', 'promotion', '', p_reason, '', null, null, p_key, p_hash, p_now) then
    raise exception 'a credit was refused by its wallet';
  end if;
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values (p_event, p_subject, p_transfer::text, 1, p_headers, p_payload);
  return query select 'done', p_transfer;
end $$;
`,
);
