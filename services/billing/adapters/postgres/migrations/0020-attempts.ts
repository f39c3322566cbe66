import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * One payment, many attempts at gateways, at most one credit. The id of an attempt is the reference that its gateway is given; the
 * first attempt has the payment's own id, so payments that were under way and processes of the release before go on.
 * `payments` shows its current attempt. Attempts of one payment change only while the payment's row is locked. docs/adr/0024.
 */
export const attempts = sqlMigration(
  '20261121-0020-attempts',
  `
create table payment_attempts (
  id uuid primary key,
  payment_id uuid not null references payments,
  tenant_id uuid not null,
  ordinal integer not null check (ordinal between 1 and 10),
  gateway text not null,
  gateway_payment_id text not null default '',
  checkout_url text not null default '',
  -- pending < failed < succeeded (credited), surplus (the payment was credited already: given back), mismatched (other money)
  status text not null default 'pending' check (status in ('pending', 'failed', 'succeeded', 'surplus', 'mismatched')),
  failure_reason text not null default '',
  idempotency_key text,
  next_check_at timestamptz not null,
  checked_at timestamptz,
  created_at timestamptz not null,
  settled_at timestamptz,
  constraint attempts_settled check ((status = 'pending') = (settled_at is null))
);
create unique index payment_attempts_order on payment_attempts (payment_id, ordinal);
create unique index payment_attempts_key on payment_attempts (payment_id, idempotency_key) where idempotency_key is not null;
-- At most one success, whatever else goes wrong.
create unique index payment_attempts_success on payment_attempts (payment_id) where status = 'succeeded';
create index payment_attempts_due on payment_attempts (next_check_at) where status = 'pending';

insert into payment_attempts (id, payment_id, tenant_id, ordinal, gateway, gateway_payment_id, checkout_url, status, failure_reason,
                              next_check_at, checked_at, created_at, settled_at)
select id, id, tenant_id, 1, gateway, gateway_payment_id, checkout_url, status, failure_reason, next_check_at, checked_at, created_at, settled_at
  from payments;

alter table payments add column attempt_id uuid;
update payments set attempt_id = id;
create function first_attempt() returns trigger language plpgsql as $$
begin
  if tg_when = 'BEFORE' then
    new.attempt_id := new.id;
    return new;
  end if;
  insert into payment_attempts (id, payment_id, tenant_id, ordinal, gateway, gateway_payment_id, checkout_url, status, failure_reason,
                                next_check_at, checked_at, created_at, settled_at)
  values (new.id, new.id, new.tenant_id, 1, new.gateway, new.gateway_payment_id, new.checkout_url, new.status, new.failure_reason,
          new.next_check_at, new.checked_at, new.created_at, new.settled_at);
  return null;
end $$;
create trigger payments_attempt before insert on payments for each row execute function first_attempt();
create trigger payments_first_attempt after insert on payments for each row execute function first_attempt();

-- Money that goes back through a gateway. Of a surplus no credit was ever given, so none is taken.
create table refunds (
  id uuid primary key,
  tenant_id uuid not null,
  payment_id uuid not null references payments,
  attempt_id uuid not null references payment_attempts,
  gateway text not null,
  cause text not null check (cause in ('customer', 'operator', 'surplus')),
  amount_micros bigint not null check (amount_micros > 0),
  currency text not null,
  reason text not null,
  requested_by text not null,
  status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
  gateway_refund_id text not null default '',
  failure_reason text not null default '',
  -- The debit of the wallet, and of a failed refund what gave it back.
  transfer_id uuid,
  returned_id uuid,
  idempotency_key text,
  request_hash bytea,
  tries integer not null default 0,
  next_check_at timestamptz not null,
  version bigint not null default 1,
  created_at timestamptz not null,
  settled_at timestamptz,
  constraint refunds_settled check ((status = 'pending') = (settled_at is null)),
  constraint refunds_debit check ((cause = 'surplus') = (transfer_id is null)),
  constraint refunds_returned check ((returned_id is not null) = (status = 'failed' and cause <> 'surplus'))
);
create unique index refunds_idempotency on refunds (tenant_id, idempotency_key) where idempotency_key is not null;
create unique index refunds_surplus on refunds (attempt_id) where cause = 'surplus';
create index refunds_of_payment on refunds (payment_id);
create index refunds_tenant on refunds (tenant_id, created_at desc, id desc);
create index refunds_due on refunds (next_check_at) where status = 'pending';
create trigger refunds_kept before delete or truncate on refunds for each statement execute function refuse_change();
create trigger refunds_decided_once before update on refunds for each row when (old.status <> 'pending') execute function refuse_change();

-- What a webhook is about; payment_id is the reference that it names, the id of an attempt.
alter table payment_events add column about text not null default 'payment';
create index payment_events_payment on payment_events (payment_id);

-- An attempt was paid. 'credited': with the credit and the event · 'surplus': the payment was credited already, and a refund of this
-- attempt waits for its worker · 'none': known before, or final in another way.
create function settle_attempt(
  p_attempt uuid, p_gateway_payment_id text, p_transfer uuid, p_account uuid, p_refund uuid, p_now timestamptz,
  p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns text language plpgsql as $$
declare
  a payment_attempts;
  p payments;
begin
  select p0.* into p from payments p0 join payment_attempts a0 on a0.payment_id = p0.id where a0.id = p_attempt for update of p0;
  if not found then return 'none'; end if;
  update payment_attempts
     set status = case when p.status = 'succeeded' then 'surplus' else 'succeeded' end, failure_reason = '', settled_at = p_now,
         gateway_payment_id = case when gateway_payment_id = '' then p_gateway_payment_id else gateway_payment_id end
   where id = p_attempt and status in ('pending', 'failed') returning * into a;
  if not found then return 'none'; end if;
  if a.status = 'surplus' then
    insert into refunds (id, tenant_id, payment_id, attempt_id, gateway, cause, amount_micros, currency, reason, requested_by, next_check_at, created_at)
    values (p_refund, p.tenant_id, p.id, a.id, a.gateway, 'surplus', p.amount_micros, p.currency, 'Paid twice', 'service:billing', p_now, p_now);
    return 'surplus';
  end if;
  update payments
     set status = 'succeeded', failure_reason = '', settled_at = p_now, version = version + 1, attempt_id = a.id, gateway = a.gateway,
         gateway_payment_id = a.gateway_payment_id, checkout_url = a.checkout_url
   where id = p.id returning * into p;
  insert into accounts (id, tenant_id, kind, currency, created_at) values (p_account, p.tenant_id, 'wallet', p.currency, p_now)
  on conflict (tenant_id, currency) where kind = 'wallet' do nothing;
  if not post_to_wallet(p_transfer, p.tenant_id, p.currency, p.amount_micros, 0, 'payment', 'clearing', a.gateway,
                        'Payment', p.id::text, null, p.id, null, null, p_now) then
    raise exception 'a credit was refused by its wallet';
  end if;
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  values (p_event, p_subject, p.id::text, p.version, p_headers, p_payload);
  return 'credited';
end $$;

-- As the release before calls it: it knows first attempts only.
create or replace function settle_payment(
  p_id uuid, p_gateway_payment_id text, p_transfer uuid, p_account uuid, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns boolean language sql as $$
  select settle_attempt(p_id, p_gateway_payment_id, p_transfer, p_account, gen_random_uuid(), p_now, p_event, p_subject, p_headers, p_payload) = 'credited'
$$;

-- An attempt failed, or other money came. The payment fails with its current attempt; other money is a fact about the payment unless
-- another attempt succeeds. The answer says whether this call did it; the event goes out when the payment changed.
create function fail_attempt(
  p_attempt uuid, p_as text, p_reason text, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns boolean language plpgsql as $$
declare
  p payments;
begin
  select p0.* into p from payments p0 join payment_attempts a0 on a0.payment_id = p0.id where a0.id = p_attempt for update of p0;
  update payment_attempts set status = p_as, failure_reason = p_reason, settled_at = p_now
   where id = p_attempt and (status = 'pending' or p_as = 'mismatched' and status = 'failed');
  if not found then return false; end if;
  update payments set status = p_as, failure_reason = p_reason, settled_at = p_now, version = version + 1
   where id = p.id and (p_as = 'mismatched' and status in ('pending', 'failed') or p_as = 'failed' and status = 'pending' and attempt_id = p_attempt)
  returning * into p;
  if found then
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    values (p_event, p_subject, p.id::text, p.version, p_headers, p_payload);
  end if;
  return true;
end $$;

-- Another attempt, which becomes the current one. p_after (fail-over): only if that attempt is still the current one; p_refused: why it
-- failed, '' when it may yet succeed.
-- done · replayed · not_found · idempotency_conflict · settled (credited, or other money came) · exhausted (ten attempts)
create function add_attempt(
  p_id uuid, p_tenant uuid, p_payment uuid, p_gateway text, p_key text, p_after uuid, p_refused text, p_now timestamptz, p_next timestamptz
) returns text language plpgsql as $$
declare
  p payments;
  a payment_attempts;
  last integer;
begin
  select * into p from payments where id = p_payment and tenant_id = p_tenant for update;
  if not found then return 'not_found'; end if;
  select * into a from payment_attempts where payment_id = p.id and idempotency_key = p_key;
  if found then return case when p_gateway = '' or a.gateway = p_gateway then 'replayed' else 'idempotency_conflict' end; end if;
  if p.status not in ('pending', 'failed') then return 'settled'; end if;
  if p_after is not null and p.attempt_id <> p_after then return 'replayed'; end if;
  select max(ordinal) into last from payment_attempts where payment_id = p.id;
  if last >= 10 then return 'exhausted'; end if;
  insert into payment_attempts (id, payment_id, tenant_id, ordinal, gateway, idempotency_key, next_check_at, created_at)
  values (p_id, p.id, p.tenant_id, last + 1, p_gateway, p_key, p_next, p_now);
  if p_refused <> '' then
    update payment_attempts set status = 'failed', failure_reason = p_refused, settled_at = p_now where id = p_after and status = 'pending';
  end if;
  update payments set attempt_id = p_id, gateway = p_gateway, gateway_payment_id = '', checkout_url = '', status = 'pending', failure_reason = '',
         settled_at = null, version = version + 1
   where id = p.id;
  return 'done';
end $$;

-- The wallet is debited, then the worker asks the gateway. p_amount null: what is left of the payment.
-- done · replayed · not_found · idempotency_conflict · not_paid · exceeds (more than is left of the payment) · insufficient (spent, held or given credit)
create function request_refund(
  p_id uuid, p_tenant uuid, p_payment uuid, p_amount bigint, p_currency text, p_cause text, p_reason text, p_by text, p_key text, p_hash bytea,
  p_transfer uuid, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns text language plpgsql as $$
declare
  p payments;
  earlier refunds;
  rest bigint;
begin
  select * into p from payments where id = p_payment and tenant_id = p_tenant for update;
  if not found then return 'not_found'; end if;
  select * into earlier from refunds where tenant_id = p_tenant and idempotency_key = p_key;
  if found then return case when earlier.request_hash = p_hash then 'replayed' else 'idempotency_conflict' end; end if;
  if p.status <> 'succeeded' then return 'not_paid'; end if;
  if p_amount is not null and p_currency <> p.currency then return 'exceeds'; end if;
  select p.amount_micros - coalesce(sum(amount_micros), 0) into rest from refunds where payment_id = p.id and cause <> 'surplus' and status <> 'failed';
  if rest <= 0 or p_amount > rest then return 'exceeds'; end if;
  rest := coalesce(p_amount, rest);
  if not post_to_wallet(p_transfer, p.tenant_id, p.currency, -rest, 0, 'payment_refund', 'clearing', p.gateway,
                        'Payment refunded', p.id::text, null, p.id, null, null, p_now) then
    return 'insufficient';
  end if;
  insert into refunds (id, tenant_id, payment_id, attempt_id, gateway, cause, amount_micros, currency, reason, requested_by, transfer_id,
                       idempotency_key, request_hash, next_check_at, created_at)
  values (p_id, p.tenant_id, p.id, p.attempt_id, p.gateway, p_cause, rest, p.currency, p_reason, p_by, p_transfer, p_key, p_hash, p_now, p_now);
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values (p_event, p_subject, p_id::text, 1, p_headers, p_payload);
  return 'done';
end $$;

-- The gateway has decided. A refund that failed gives the credit back to the grants that it was taken from.
create function finish_refund(
  p_id uuid, p_as text, p_gateway_refund_id text, p_reason text, p_returned uuid, p_now timestamptz,
  p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns boolean language plpgsql as $$
declare
  r refunds;
  outcome text;
begin
  select * into r from refunds where id = p_id and status = 'pending' for update;
  if not found then return false; end if;
  if p_as = 'failed' and r.transfer_id is not null then
    outcome := reverse_transfer(p_returned, r.tenant_id, r.transfer_id, r.amount_micros, 'payment_refund', 'Refund failed', r.payment_id::text, null, null, p_now);
    if outcome <> 'done' then raise exception 'the credit of refund % cannot be given back: %', p_id, outcome; end if;
  end if;
  update refunds
     set status = p_as, failure_reason = p_reason, settled_at = p_now, version = version + 1,
         gateway_refund_id = case when p_gateway_refund_id = '' then gateway_refund_id else p_gateway_refund_id end,
         returned_id = case when p_as = 'failed' and r.transfer_id is not null then p_returned end
   where id = p_id returning * into r;
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  values (p_event, p_subject, r.id::text, r.version, p_headers, p_payload);
  return true;
end $$;
`,
);
