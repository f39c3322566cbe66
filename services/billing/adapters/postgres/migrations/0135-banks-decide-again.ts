import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * A dispute follows its bank to the end: what was decided may be decided again, and the wallet gives or has back what that means. A refund
 * that a gateway had done may be sent back by the customer's bank.
 */
export const banksDecideAgain = sqlMigration(
  '20261122-0135-banks-decide-again',
  `
drop trigger disputes_decided_once on disputes;
create trigger disputes_decided_stay before update on disputes for each row
  when (old.status <> 'open' and new.status in ('open', old.status)) execute function refuse_change();

-- Takes what the wallet has of a disputed payment. @returns how much it is
create function take_disputed(p_payment payments, p_taken uuid, p_amount bigint, p_now timestamptz) returns bigint language plpgsql as $$
declare
  w accounts;
  left_over bigint;
begin
  -- One who has spent it owes the rest. Holds stay: what is running is paid for. What has expired is not there any more, and goes before
  -- the rest is counted: an amount that includes it would be refused as a whole.
  select * into strict w from accounts where tenant_id = p_payment.tenant_id and currency = p_payment.currency and kind = 'wallet' for update;
  if w.credit_expires_at <= p_now then
    perform lapse_credit(w.id, p_now);
    select * into w from accounts where id = w.id;
  end if;
  left_over := greatest(0, least(p_amount, p_payment.amount_micros, w.balance_micros - w.held_micros));
  if left_over > 0 and not post_to_wallet(p_taken, p_payment.tenant_id, p_payment.currency, -left_over, 0, 'dispute', 'clearing', p_payment.gateway,
                                          'Payment disputed', p_payment.id::text, null, p_payment.id, null, null, p_now) then
    raise exception 'a wallet refused what it has';
  end if;
  return left_over;
end $$;

create or replace function record_dispute(
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
    -- One that asks for nothing (yet) takes nothing, and may not stop the look at all others.
    if p_amount <= 0 then return; end if;
    left_over := take_disputed(p, p_taken, p_amount, p_now);
    insert into disputes (id, tenant_id, payment_id, attempt_id, gateway, gateway_dispute_id, status, amount_micros, currency, reason, taken_micros, transfer_id, created_at)
    values (p_id, p.tenant_id, p.id, p_attempt, p_gateway, p_gateway_id, 'open', p_amount, p_currency, p_reason, left_over,
            case when left_over > 0 then p_taken end, p_now)
    returning * into d;
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values (p_opened, p_opened_subject, d.id::text, 1, p_headers, p_opened_payload);
    result := 'opened';
  end if;
  -- What a bank has decided it may take up again: an appeal that is won, a dispute that is opened anew and lost. That it is open may be an old answer.
  if p_status <> 'open' and p_status <> d.status then
    if p_status = 'won' and d.transfer_id is not null then
      done := reverse_transfer(p_returned, d.tenant_id, d.transfer_id, d.taken_micros, 'dispute', 'Dispute won', d.payment_id::text, null, null, p_now);
      if done <> 'done' then raise exception 'the credit of dispute % cannot be given back: %', d.id, done; end if;
    end if;
    if d.status = 'won' then
      left_over := take_disputed(p, p_taken, d.amount_micros, p_now);
      d.taken_micros := left_over;
      d.transfer_id := case when left_over > 0 then p_taken end;
    end if;
    update disputes set status = p_status, decided_at = p_now, version = version + 1, taken_micros = d.taken_micros, transfer_id = d.transfer_id,
           returned_id = case when p_status = 'won' and d.transfer_id is not null then p_returned end
     where id = d.id returning * into d;
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    values (p_decided, p_decided_subject, d.id::text, d.version, p_headers, p_decided_payload);
    result := p_status;
  end if;
  if result is not null then return query select result, d.id, d.amount_micros - d.taken_micros; end if;
end $$;

drop trigger refunds_decided_once on refunds;
create trigger refunds_decided_stay before update on refunds for each row
  when (old.status = 'failed' or old.status = 'succeeded' and new.status <> 'failed') execute function refuse_change();

-- Only of one that was done: the answer to a call that crossed with its success is finish_refund's.
create function send_back_refund(
  p_id uuid, p_reason text, p_returned uuid, p_now timestamptz, p_event uuid, p_subject text, p_headers jsonb, p_payload bytea
) returns boolean language plpgsql as $$
declare
  r refunds;
  outcome text;
begin
  select * into r from refunds where id = p_id and status = 'succeeded' for update;
  if not found then return false; end if;
  if r.transfer_id is not null then
    outcome := reverse_transfer(p_returned, r.tenant_id, r.transfer_id, r.amount_micros, 'payment_refund', 'Refund failed', r.payment_id::text, null, null, p_now);
    if outcome <> 'done' then raise exception 'the credit of refund % cannot be given back: %', p_id, outcome; end if;
  end if;
  update refunds set status = 'failed', failure_reason = p_reason, settled_at = p_now, version = version + 1,
         returned_id = case when transfer_id is not null then p_returned end
   where id = p_id returning * into r;
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  values (p_event, p_subject, r.id::text, r.version, p_headers, p_payload);
  return true;
end $$;
`,
);
