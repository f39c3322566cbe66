import { sqlMigration } from '#platform/postgres/index.ts';

/** Payments, refunds and disputes where two things happen at once: what each function below does otherwise than before is said at it. */
export const paymentsToTheEnd = sqlMigration(
  '20261122-0127-payments-to-the-end',
  `
-- A dispute takes all that the wallet has, also where some of its credit has expired and was not swept yet.
create or replace function record_dispute(
  p_id uuid, p_gateway text, p_gateway_id text, p_attempt uuid, p_status text, p_amount bigint, p_currency text, p_reason text,
  p_taken uuid, p_returned uuid, p_now timestamptz, p_opened uuid, p_opened_subject text, p_decided uuid, p_decided_subject text, p_headers jsonb,
  p_opened_payload bytea, p_decided_payload bytea
) returns table (outcome text, dispute_id uuid, uncovered_micros bigint) language plpgsql as $$
declare
  p payments;
  d disputes;
  w accounts;
  left_over bigint;
  done text;
  result text;
begin
  select p0.* into p from payments p0 join payment_attempts a on a.payment_id = p0.id
   where a.id = p_attempt and a.gateway = p_gateway and a.status = 'succeeded' for update of p0;
  if not found or p.currency <> p_currency then return; end if;
  select * into d from disputes where gateway = p_gateway and gateway_dispute_id = p_gateway_id;
  if not found then
    -- One that asks for nothing (yet) takes nothing, and may not stop the look at all others.
    if p_amount <= 0 then return; end if;
    -- One who has spent it owes the rest. Holds stay: what is running is paid for. What has expired is not there any more, and goes before
    -- the rest is counted: an amount that includes it would be refused as a whole.
    select * into strict w from accounts where tenant_id = p.tenant_id and currency = p.currency and kind = 'wallet' for update;
    if w.credit_expires_at <= p_now then
      perform lapse_credit(w.id, p_now);
      select * into w from accounts where id = w.id;
    end if;
    left_over := greatest(0, least(p_amount, p.amount_micros, w.balance_micros - w.held_micros));
    if left_over > 0 and not post_to_wallet(p_taken, p.tenant_id, p.currency, -left_over, 0, 'dispute', 'clearing', p_gateway,
                                            'Payment disputed', p.id::text, null, p.id, null, null, p_now) then
      raise exception 'a wallet refused what it has';
    end if;
    insert into disputes (id, tenant_id, payment_id, attempt_id, gateway, gateway_dispute_id, status, amount_micros, currency, reason, taken_micros, transfer_id, created_at)
    values (p_id, p.tenant_id, p.id, p_attempt, p_gateway, p_gateway_id, 'open', p_amount, p_currency, p_reason, left_over,
            case when left_over > 0 then p_taken end, p_now)
    returning * into d;
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values (p_opened, p_opened_subject, d.id::text, 1, p_headers, p_opened_payload);
    result := 'opened';
  end if;
  if d.status = 'open' and p_status <> 'open' then
    if p_status = 'won' and d.transfer_id is not null then
      done := reverse_transfer(p_returned, d.tenant_id, d.transfer_id, d.taken_micros, 'dispute', 'Dispute won', d.payment_id::text, null, null, p_now);
      if done <> 'done' then raise exception 'the credit of dispute % cannot be given back: %', d.id, done; end if;
    end if;
    update disputes set status = p_status, decided_at = p_now, version = version + 1,
           returned_id = case when p_status = 'won' and transfer_id is not null then p_returned end
     where id = d.id returning * into d;
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    values (p_decided, p_decided_subject, d.id::text, d.version, p_headers, p_decided_payload);
    result := p_status;
  end if;
  if result is not null then return query select result, d.id, d.amount_micros - d.taken_micros; end if;
end $$;

-- What the caller of a retry asked for, by whose key it is the same; of attempts that we make ourselves there is none.
alter table payment_attempts add column request_hash bytea;

-- As before, and with the hash of what was asked for: the gateway that was chosen for it may be another one each time. A top-up that failed
-- and is tried again is its owner's payment from then on: of automatic ones another may be under way, and none waits for a person.
create function add_attempt(
  p_id uuid, p_tenant uuid, p_payment uuid, p_gateway text, p_key text, p_hash bytea, p_after uuid, p_refused text, p_now timestamptz, p_next timestamptz
) returns text language plpgsql as $$
declare
  p payments;
  a payment_attempts;
  last integer;
begin
  select * into p from payments where id = p_payment and tenant_id = p_tenant for update;
  if not found then return 'not_found'; end if;
  select * into a from payment_attempts where payment_id = p.id and idempotency_key = p_key;
  if found then return case when a.request_hash = p_hash or p_hash is null and a.gateway = p_gateway then 'replayed' else 'idempotency_conflict' end; end if;
  if p.status not in ('pending', 'failed') then return 'settled'; end if;
  if p_after is not null and p.attempt_id <> p_after then return 'replayed'; end if;
  select max(ordinal) into last from payment_attempts where payment_id = p.id;
  if last >= 10 then return 'exhausted'; end if;
  insert into payment_attempts (id, payment_id, tenant_id, ordinal, gateway, idempotency_key, request_hash, next_check_at, created_at)
  values (p_id, p.id, p.tenant_id, last + 1, p_gateway, p_key, p_hash, p_next, p_now);
  if p_refused <> '' then
    update payment_attempts set status = 'failed', failure_reason = p_refused, settled_at = p_now where id = p_after and status = 'pending';
  end if;
  update payments set attempt_id = p_id, gateway = p_gateway, gateway_payment_id = '', checkout_url = '', status = 'pending', failure_reason = '',
         settled_at = null, version = version + 1, automatic = automatic and status = 'pending'
   where id = p.id;
  return 'done';
end $$;

-- As the release before calls it.
create or replace function add_attempt(
  p_id uuid, p_tenant uuid, p_payment uuid, p_gateway text, p_key text, p_after uuid, p_refused text, p_now timestamptz, p_next timestamptz
) returns text language sql as $$
  select add_attempt(p_id, p_tenant, p_payment, p_gateway, p_key, null, p_after, p_refused, p_now, p_next)
$$;

-- When a worker last took a refund to its gateway: a webhook may bring it back sooner than a call can take.
alter table refunds add column claimed_at timestamptz;

-- Whoever comes with the same key for another payment waits, and finds it: the payment's own lock does not keep them apart.
create or replace function request_refund(
  p_id uuid, p_tenant uuid, p_payment uuid, p_amount bigint, p_currency text, p_cause text, p_reason text, p_by text, p_key text, p_hash bytea,
  p_transfer uuid, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns text language plpgsql as $$
declare
  p payments;
  earlier refunds;
  rest bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended('refunds ' || p_tenant || ' ' || p_key, 0));
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

-- Since when a gateway is there to be compared is asked at each look for a day.
create index payment_attempts_gateway on payment_attempts (gateway, created_at);
`,
);
