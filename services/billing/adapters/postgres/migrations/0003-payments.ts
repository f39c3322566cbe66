import { sqlMigration } from '#platform/postgres/index.ts';

export const payments = sqlMigration(
  '20261121-0003-payments',
  `
create table payments (
  id uuid primary key,
  tenant_id uuid not null,
  gateway text not null,
  gateway_payment_id text not null default '',
  amount_micros bigint not null check (amount_micros > 0),
  currency text not null,
  status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed', 'mismatched')),
  checkout_url text not null default '',
  failure_reason text not null default '',
  idempotency_key text not null,
  request_hash bytea not null,
  version bigint not null default 1,
  next_check_at timestamptz not null,
  checked_at timestamptz,
  created_at timestamptz not null,
  settled_at timestamptz,
  constraint payments_settled check ((status = 'pending') = (settled_at is null))
);
create unique index payments_idempotency on payments (tenant_id, idempotency_key);
create index payments_tenant on payments (tenant_id, created_at desc, id desc);
create index payments_due on payments (next_check_at) where status = 'pending';

-- Webhooks as they arrived. The body is evidence and never changes; the columns after it are the worker's notes.
create table payment_events (
  id uuid primary key,
  gateway text not null,
  event_id text not null,
  payment_id text not null,
  raw_body bytea not null,
  received_at timestamptz not null,
  next_attempt_at timestamptz not null,
  attempts integer not null default 0,
  processed_at timestamptz,
  result text not null default ''
);
create unique index payment_events_once on payment_events (gateway, event_id);
create index payment_events_due on payment_events (next_attempt_at) where processed_at is null;

create function keep_evidence() returns trigger language plpgsql as $$
begin
  raise exception 'a received notification is evidence: it may be marked, not changed' using errcode = 'restrict_violation';
end $$;
create trigger payment_events_kept before delete or truncate on payment_events for each statement execute function keep_evidence();
create trigger payment_events_unchanged before update on payment_events for each row
  when (old.raw_body <> new.raw_body or old.event_id <> new.event_id or old.payment_id <> new.payment_id or old.gateway <> new.gateway)
  execute function keep_evidence();

-- pending|failed → succeeded, with the credit and its event, or nothing. The answer says whether this call did it.
create function settle_payment(
  p_id uuid, p_gateway_payment_id text, p_transfer uuid, p_account uuid, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns boolean language plpgsql as $$
declare
  p payments;
begin
  update payments
     set status = 'succeeded', failure_reason = '', settled_at = p_now, version = version + 1,
         gateway_payment_id = case when gateway_payment_id = '' then p_gateway_payment_id else gateway_payment_id end
   where id = p_id and status in ('pending', 'failed')
  returning * into p;
  if not found then return false; end if;
  insert into accounts (id, tenant_id, kind, currency, created_at) values (p_account, p.tenant_id, 'wallet', p.currency, p_now)
  on conflict (tenant_id, currency) where kind = 'wallet' do nothing;
  if not post_to_wallet(p_transfer, p.tenant_id, p.currency, p.amount_micros, 0, 'payment', 'clearing', p.gateway,
                        'Payment', p.id::text, null, p.id, null, null, p_now) then
    raise exception 'a credit was refused by its wallet';
  end if;
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  values (p_event, p_subject, p.id::text, p.version, p_headers, p_payload);
  return true;
end $$;
`,
);
