import { sqlMigration } from '#platform/postgres/index.ts';

/** Payments and refunds where two things happen at once: what is otherwise than before is said at it. */
export const paymentsToTheEnd = sqlMigration(
  '20261122-0127-payments-to-the-end',
  `
-- What the caller of a retry asked for, by whose key it is the same; of attempts that we make ourselves there is none.
alter table payment_attempts add column request_hash bytea;

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
