import { sqlMigration } from '#platform/postgres/index.ts';

/** A bank takes a payment back, past us: the wallet gives what it still has of it at once, and has it again if the dispute is won. */
export const disputes = sqlMigration(
  '20261121-0022-disputes',
  `
create table disputes (
  id uuid primary key,
  tenant_id uuid not null,
  payment_id uuid not null references payments,
  attempt_id uuid not null references payment_attempts,
  gateway text not null,
  gateway_dispute_id text not null,
  status text not null check (status in ('open', 'won', 'lost')),
  amount_micros bigint not null check (amount_micros > 0),
  currency text not null,
  reason text not null,
  -- What the wallet gave, and what gave it back.
  taken_micros bigint not null check (taken_micros between 0 and amount_micros),
  transfer_id uuid,
  returned_id uuid,
  version bigint not null default 1,
  created_at timestamptz not null,
  decided_at timestamptz,
  constraint disputes_decided check ((status = 'open') = (decided_at is null)),
  constraint disputes_taken check ((taken_micros > 0) = (transfer_id is not null)),
  constraint disputes_returned check ((returned_id is not null) = (status = 'won' and taken_micros > 0))
);
create unique index disputes_once on disputes (gateway, gateway_dispute_id);
create index disputes_of_payment on disputes (payment_id);
create index disputes_tenant on disputes (tenant_id, created_at desc, id desc);
create index disputes_newest on disputes (created_at desc, id desc);
create trigger disputes_kept before delete or truncate on disputes for each statement execute function refuse_change();
create trigger disputes_decided_once before update on disputes for each row when (old.status <> 'open') execute function refuse_change();

-- What a gateway says of a dispute of a credited attempt. 'opened' · 'won' · 'lost' (first heard of or decided now) · null: nothing new, or
-- nothing of ours. A surplus was given back already, and was never credit: a dispute of it takes nothing here.
create function record_dispute(
  p_id uuid, p_gateway text, p_gateway_id text, p_attempt uuid, p_status text, p_amount bigint, p_currency text, p_reason text,
  p_taken uuid, p_returned uuid, p_now timestamptz, p_opened uuid, p_opened_subject text, p_decided uuid, p_decided_subject text, p_headers jsonb,
  p_opened_payload bytea, p_decided_payload bytea
) returns table (outcome text, dispute_id uuid, uncovered_micros bigint) language plpgsql as $$
declare
  p payments;
  d disputes;
  left_over bigint;
  done text;
  result text;
begin
  select p0.* into p from payments p0 join payment_attempts a on a.payment_id = p0.id
   where a.id = p_attempt and a.gateway = p_gateway and a.status = 'succeeded' for update of p0;
  if not found or p.currency <> p_currency then return; end if;
  select * into d from disputes where gateway = p_gateway and gateway_dispute_id = p_gateway_id;
  if not found then
    -- One who has spent it owes the rest. Holds stay: what is running is paid for.
    select greatest(0, least(p_amount, p.amount_micros, w.balance_micros - w.held_micros)) into left_over
      from accounts w where w.tenant_id = p.tenant_id and w.currency = p.currency and w.kind = 'wallet' for update;
    if left_over > 0 and not post_to_wallet(p_taken, p.tenant_id, p.currency, -left_over, 0, 'dispute', 'clearing', p_gateway,
                                            'Payment disputed', p.id::text, null, p.id, null, null, p_now) then
      -- Credit that has expired meanwhile is not there any more.
      left_over := 0;
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
`,
);
