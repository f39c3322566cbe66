import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Who caused it: holds and transfers name the user or the key that they were asked for by. What a hold is charged for, and what is
 * given back of it, keeps the name of whoever placed it. Rows from before have none; the chain seals the name where there is one, so
 * hashes from before stay as they are.
 *
 * And budgets of one product that refuse: the ledger asks about a whole batch first, which is enough as long as no budget is near its end;
 * else command by command, with what the batch has reserved so far, of all and of the product. The answer says which budget it was and
 * when it begins anew. No query more than before.
 */
export const actorsAndBudgets = sqlMigration(
  '20261121-0080-actors-and-budgets',
  `
alter table holds add column actor text not null default '' check (length(actor) <= 128);
alter table transfers add column actor text not null default '' check (length(actor) <= 128);
create index transfers_actor on transfers (tenant_id, actor, created_at) where actor <> '';
alter type ledger_command add attribute actor text;

create type spending_answer as (refusal text, budget uuid, product text, name text, available bigint, resets_at timestamptz);

-- May p_amount of p_product be spent, after p_before (p_of_product of it of the product) that the windows have not counted yet? Without a
-- product: every budget has to have room for the amount. Of several that refuse, the one that does so the longest. Volatile on purpose: it
-- is asked in the middle of a statement that began before it got the wallet's lock, and has to see what the batch before it has committed.
create function spending_refusal(
  p_tenant uuid, p_currency text, p_product text, p_amount bigint, p_before bigint, p_of_product bigint, p_now timestamptz
) returns spending_answer language plpgsql volatile as $$
declare
  answer spending_answer;
begin
  if exists (select 1 from spending_pauses where tenant_id = p_tenant) then
    answer.refusal := 'spending_paused';
    return answer;
  end if;
  select 'budget_exhausted', b.id, b.product, b.name, greatest(b.amount_micros - counted.spent, 0), budget_window_end(b.interval, b.zone, s.starts_at)
    into answer
    from budgets b
    cross join lateral (select budget_window(b.interval, b.zone, p_now) as starts_at) s
    left join budget_windows w on w.budget_id = b.id and w.starts_at = s.starts_at
    cross join lateral (select coalesce(w.spent_micros, 0) + case when b.product = '' then p_before else p_of_product end as spent) counted
   where b.tenant_id = p_tenant and b.hard and b.currency = p_currency and (b.product = '' or p_product is null or b.product = p_product)
     and counted.spent + p_amount > b.amount_micros
   order by 6 desc, b.id limit 1;
  return answer;
end $$;

-- kind: place · charge (at once, without a hold) · capture · release (both keyed) · collect, give_back, extend, expire (consequences of
-- facts: repeated without effect). p_tenants: whose wallets to lock besides those that the commands need, for a transaction with
-- several batches.
create or replace function execute_ledger(p_commands json, p_tenants uuid[], p_now timestamptz) returns table (
  ordinal integer, outcome text, available bigint, id uuid, state text, amount bigint, captured bigint, currency text, product text,
  reference text, description text, expires_at timestamptz, created_at timestamptz, charge bigint, late bigint, give_back bigint,
  total bigint, collected bigint, owed bigint
) language plpgsql
  -- Plans of a nearly empty table would be kept while it grows: every access here is by key.
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off
  -- Planning costs more than running, and a plan for as many commands as are at hand would be made anew each time.
  set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  commands ledger_command[] := array(select r from json_populate_recordset(null::ledger_command, p_commands) r);
  steps ledger_step[];
  s ledger_step;
  c record;
  wallet uuid;
  balance bigint;
  held bigint;
  sequence bigint;
  last_at timestamptz;
  reserved bigint;
  -- By product, once the batch is too large to be asked about as a whole.
  reserved_of jsonb;
  unlimited boolean;
  refusal text;
  answer spending_answer;
  missing bigint;
  charges boolean := false;
  resolves boolean := false;
  places boolean := false;
  uncollecting boolean := false;
  due uuid;
  uncovered bigint;
begin
  -- An expiry moves later only, so what need not move now never will: then no wallet is locked for it.
  perform 1 from accounts
    where kind = 'wallet' and tenant_id = any(p_tenants || array(
      select i.tenant from unnest(commands) i
       where i.kind <> 'extend' or exists (select 1 from holds h where h.id = i.hold and h.state = 'held' and h.expires_at < i.expires)))
    order by id for update;
  for due in select a.id from accounts a
    where a.kind = 'wallet' and a.credit_expires_at <= p_now
      and a.tenant_id = any(array(select i.tenant from unnest(commands) i where i.kind in ('place', 'charge', 'collect'))) order by a.id
  loop
    perform lapse_credit(due, p_now);
  end loop;

  for c in
    select i as command, i.*, a.id as wallet, a.balance_micros, a.held_micros, a.entry_count, a.last_entry_at, h.id as h_id, h.state as h_state,
           h.amount_micros as h_amount, h.captured_micros as h_captured, h.currency as h_currency, h.product as h_product,
           h.reference as h_reference, h.description as h_description, h.expires_at as h_expires, h.first_expires_at as h_first_expires,
           h.created_at as h_created, h.version as h_version, h.request_hash as h_hash, h.actor as h_actor,
           o.request_hash as o_hash, o.hold_id as o_hold, o.state as o_state, o.captured_micros as o_captured, o.expires_at as o_expires,
           t.id as t_id, t.request_hash as t_hash, u.total_micros, u.collected_micros, u.owed_micros, u.version as u_version,
           sum(i.amount) filter (where i.kind in ('place', 'charge')) over (partition by a.id) as asked
      from unnest(commands) i
      left join lateral (select * from hold_operations o
         where i.kind in ('capture', 'release') and o.tenant_id = i.tenant and o.operation = i.kind and o.idempotency_key = i.key) o on true
      -- By its one key each, and filtered afterwards: with the tenant beside it, a plan made early walks all holds of the tenant.
      left join lateral (
        select * from holds where i.kind <> 'place' and id = coalesce(o.hold_id, i.hold)
        union all
        select * from holds where i.kind = 'place' and tenant_id = i.tenant and idempotency_key = i.key
        offset 0) h on h.tenant_id = i.tenant
      left join lateral (select * from transfers t
         where i.kind = 'charge' and t.tenant_id = i.tenant and t.idempotency_key = i.key
           and t.type = case when i.product in ('subscription', 'usage') then i.product else 'charge' end) t on true
      left join lateral (select * from uncollected u where i.kind = 'collect' and u.hold_id = i.hold offset 0) u on true
      left join lateral (select * from accounts
         where kind = 'wallet' and tenant_id = i.tenant and currency = coalesce(h.currency, i.currency) offset 0) a on true
     -- What is settled first may make room for what is asked.
     order by a.id, i.kind in ('place', 'charge'), i.ordinal
  loop
    if c.wallet is distinct from wallet then
      wallet := c.wallet; balance := c.balance_micros; held := c.held_micros; sequence := c.entry_count; last_at := c.last_entry_at;
      reserved := 0; reserved_of := '{}'; unlimited := null;
    end if;
    s := null;
    s.command := c.command; s.command.actor := coalesce(c.h_actor, c.actor, ''); s.wallet := c.wallet; s.charge := 0; s.late := 0; s.give_back := 0; s.reserve := 0;
    if c.kind in ('place', 'charge') then
      if c.kind = 'place' and c.h_id is not null then
        s.outcome := case when c.h_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
        s.id := c.h_id; s.state := 'held'; s.amount := c.h_amount; s.captured := 0; s.currency := c.h_currency; s.product := c.h_product;
        s.reference := c.h_reference; s.description := c.h_description; s.expires_at := c.h_first_expires; s.created_at := c.h_created;
      elsif c.t_id is not null then
        s.outcome := case when c.t_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
        s.id := c.t_id;
      elsif c.kind = 'place' and not c.acceptable then
        s.outcome := 'expiry_refused';
      elsif c.wallet is null then
        s.outcome := 'insufficient_credit'; s.available := 0;
      else
        refusal := case when c.quote is not null then quote_refusal(c.tenant, c.quote, c.currency, c.amount, c.now) end;
        if refusal is null then
          -- Asked once for all that the batch may reserve; one by one only when that is too much.
          if unlimited is null then unlimited := (spending_refusal(c.tenant, c.currency, null, c.asked::bigint, 0, 0, c.now)).refusal is null; end if;
          if not unlimited then
            answer := spending_refusal(c.tenant, c.currency, c.product, c.amount, reserved, coalesce((reserved_of ->> c.product)::bigint, 0), c.now);
            refusal := answer.refusal;
            -- A step that is refused writes nothing: its fields tell which budget it was, what is left of it, and until when.
            s.id := answer.budget; s.product := answer.product; s.description := answer.name; s.available := answer.available;
            s.expires_at := answer.resets_at;
          end if;
        end if;
        if refusal is not null then
          s.outcome := refusal;
        elsif balance - held < c.amount then
          s.outcome := 'insufficient_credit'; s.available := balance - held;
        else
          s.outcome := 'done'; reserved := reserved + c.amount;
          if not unlimited then
            reserved_of := reserved_of || jsonb_build_object(c.product, coalesce((reserved_of ->> c.product)::bigint, 0) + c.amount);
          end if;
          if c.kind = 'place' then
            places := true; held := held + c.amount; s.reserve := c.amount; s.id := c.hold;
          else
            charges := true; balance := balance - c.amount; sequence := sequence + 1; last_at := greatest(last_at, c.now);
            s.id := c.transfer; s.charge := c.amount; s.currency := c.currency; s.product := c.product; s.reference := c.reference;
            s.description := c.description; s.sequence := sequence; s.balance_after := balance; s.entry_at := last_at;
          end if;
        end if;
      end if;
      steps[coalesce(cardinality(steps), 0) + 1] := s;
      continue;
    end if;

    s.id := c.h_id; s.state := c.h_state; s.amount := c.h_amount; s.captured := c.h_captured; s.currency := c.h_currency;
    s.product := c.h_product; s.reference := c.h_reference; s.description := c.h_description; s.expires_at := c.h_expires;
    s.created_at := c.h_created; s.version := c.h_version;
    if c.o_hash is not null then
      s.outcome := case when c.o_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
      s.state := c.o_state; s.captured := c.o_captured; s.expires_at := c.o_expires;
    elsif c.h_id is null then
      s.outcome := 'not_found';
    elsif c.kind = 'collect' then
      s.outcome := 'done';
      s.total := coalesce(c.total_micros, 0); s.collected := coalesce(c.collected_micros, 0);
      missing := greatest(greatest(s.total, c.amount) - c.h_captured - s.collected, 0);
      if c.h_state = 'held' then
        s.charge := least(missing, c.h_amount - c.h_captured);
        s.captured := c.h_captured + s.charge;
        if c.final then
          s.give_back := c.h_amount - s.captured; s.state := case when s.captured > 0 then 'captured' else 'released' end;
        end if;
        missing := missing - s.charge;
        held := held - s.charge - s.give_back;
        -- Up to three events may follow, each with its own version.
        if s.charge > 0 or c.final then s.version := s.version + 3; resolves := true; end if;
      end if;
      if missing > 0 then
        s.uncollected_steps := 3;
        s.late := least(missing, balance - s.charge - held); s.owed := missing - s.late;
        s.total := greatest(s.total, c.amount); s.collected := s.collected + s.late;
      else
        s.owed := 0; s.uncollected_steps := case when c.owed_micros > 0 then 1 else 0 end;
      end if;
      uncollecting := uncollecting or s.uncollected_steps > 0;
      s.uncollected_version := coalesce(c.u_version, 0) + s.uncollected_steps;
      s.version := s.version + s.uncollected_version;
    elsif c.kind = 'extend' then
      s.outcome := 'done';
      if c.h_state = 'held' and c.h_expires < c.expires then s.expires_at := c.expires; s.version := s.version + 1; resolves := true; end if;
    elsif c.h_state <> 'held' then
      s.outcome := 'hold_' || c.h_state;
    elsif c.kind = 'capture' then
      if c.h_captured + c.amount > c.h_amount or c.h_currency <> c.currency then
        s.outcome := 'capture_exceeds_hold';
      else
        s.outcome := 'done'; resolves := true; s.charge := c.amount; s.captured := c.h_captured + c.amount; s.version := s.version + 1;
        if c.final then
          s.state := 'captured'; s.give_back := c.h_amount - s.captured;
          if s.give_back > 0 then s.version := s.version + 1; end if;
        end if;
        held := held - s.charge - s.give_back;
      end if;
    elsif c.kind = 'expire' and c.h_expires > c.now then
      s.outcome := 'not_due';
    else
      s.outcome := 'done'; resolves := true; s.state := case when c.kind = 'expire' then 'expired' else 'released' end;
      s.give_back := c.h_amount - c.h_captured; s.version := s.version + 1; held := held - s.give_back;
    end if;
    if s.charge + s.late > 0 then
      charges := true; last_at := greatest(last_at, c.now); s.entry_at := last_at;
      if s.charge > 0 then balance := balance - s.charge; sequence := sequence + 1; s.balance_after := balance; end if;
      if s.late > 0 then balance := balance - s.late; sequence := sequence + 1; s.late_balance_after := balance; end if;
      s.sequence := sequence;
    end if;
    steps[coalesce(cardinality(steps), 0) + 1] := s;
  end loop;

  if places then
    insert into holds (id, tenant_id, amount_micros, currency, product, reference, description, expires_at, first_expires_at, created_at, idempotency_key, request_hash, quote_id, actor)
    select i.hold, i.tenant, i.amount, i.currency, i.product, i.reference, i.description, i.expires, i.expires, i.now, i.key, i.hash, i.quote, i.actor
      from unnest(steps) r cross join lateral (select (r.command).*) i where r.reserve > 0;
  end if;
  if resolves then
    update holds h
       set captured_micros = h.captured_micros + r.charge, state = r.state, expires_at = r.expires_at,
           resolved_at = case when r.state <> 'held' then i.now end,
           version = case i.kind when 'collect' then h.version + 3 else r.version end
      from unnest(steps) r cross join lateral (select (r.command).*) i
     where h.id = r.id and r.outcome = 'done' and i.kind not in ('place', 'charge') and h.state = 'held'
       and (r.state <> 'held' or r.charge > 0 or h.expires_at <> r.expires_at);
    insert into hold_operations (tenant_id, operation, idempotency_key, request_hash, hold_id, state, captured_micros, expires_at, created_at)
    select i.tenant, i.kind, i.key, i.hash, r.id, r.state, r.captured, r.expires_at, i.now
      from unnest(steps) r cross join lateral (select (r.command).*) i where r.outcome = 'done' and i.kind in ('capture', 'release');
  end if;
  if uncollecting then
    insert into uncollected (hold_id, tenant_id, product, reference, currency, total_micros, collected_micros, owed_micros, version, created_at, updated_at)
    select r.id, i.tenant, r.product, r.reference, r.currency, r.total, r.collected, r.owed, r.uncollected_version, i.now, i.now
      from unnest(steps) r cross join lateral (select (r.command).*) i
     where r.uncollected_steps > 0
    on conflict (hold_id) do update
       set total_micros = excluded.total_micros, collected_micros = excluded.collected_micros, owed_micros = excluded.owed_micros,
           version = excluded.version, updated_at = excluded.updated_at;
  end if;
  if not charges then
    update accounts a set held_micros = a.held_micros + g.reserved, version = a.version + 1
      from (select r.wallet, sum(r.reserve - r.give_back) as reserved from unnest(steps) r where r.reserve > 0 or r.give_back > 0 group by r.wallet) g
     where a.id = g.wallet;
  else
    with moves as materialized (
      select r.wallet, i.tenant, i.kind, i.now, m.transfer, m.amount, m.sequence, m.balance_after, r.entry_at, r.id, r.product, r.currency, r.description, r.reference,
             i.key, i.hash, i.actor, revenue.id as revenue
        from unnest(steps) r cross join lateral (select (r.command).*) i
        cross join lateral (values (i.transfer, r.charge, r.sequence - case when r.late > 0 then 1 else 0 end, r.balance_after),
                                   (i.late_transfer, r.late, r.sequence, r.late_balance_after)) m (transfer, amount, sequence, balance_after)
        join lateral (select id from accounts
           where kind = 'revenue' and kind <> 'wallet' and discriminator = r.product and currency = r.currency offset 0) revenue on true
       where m.amount > 0
    ), noted as (
      insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference,
                             hold_id, idempotency_key, request_hash, created_at, actor)
      select transfer, tenant, case when kind = 'charge' and product in ('subscription', 'usage') then product else 'charge' end, wallet, revenue,
             amount, currency, description, reference, case when kind <> 'charge' then id end,
             case when kind = 'charge' then key end, case when kind = 'charge' then hash end, entry_at, actor
        from moves order by wallet, sequence
    ), posted as (
      insert into entries (transfer_id, account_id, type, amount_micros, currency, account_sequence, balance_after_micros, created_at)
      select m.transfer, side.account, case when m.kind = 'charge' and m.product in ('subscription', 'usage') then m.product else 'charge' end,
             side.amount, m.currency, side.sequence, side.balance_after, m.entry_at
        from moves m cross join lateral (values (m.wallet, -m.amount, m.sequence, m.balance_after), (m.revenue, m.amount, null, null)) side (account, amount, sequence, balance_after)
       order by m.wallet, m.sequence
    ), asked as (
      -- A charge takes the credit from "after" to "upto" of its wallet, counted in the order in which it is burnt …
      select wallet, transfer, sum(amount) over w as upto, sum(amount) over w - amount as after, sum(amount) over (partition by wallet) as total
        from moves window w as (partition by wallet order by sequence)
    ), open as (
      select g.wallet_id, g.id, g.kind, sum(g.remaining_micros) over w as upto, sum(g.remaining_micros) over w - g.remaining_micros as after
        from grants g where g.open and g.wallet_id = any(array(select m.wallet from moves m))
      window w as (partition by g.wallet_id order by burn_order(g, p_now))
    ), parts as materialized (
      -- … and so it takes of each grant what lies in both ranges.
      select a.wallet, a.transfer, o.id, o.kind, (least(a.upto, o.upto) - greatest(a.after, o.after))::bigint as part
        from asked a join open o on o.wallet_id = a.wallet and o.after < a.upto and o.upto > a.after
    ), burnt as (
      update grants g set remaining_micros = g.remaining_micros - p.part, open = g.remaining_micros > p.part
        from (select id, sum(part)::bigint as part from parts group by id) p where g.id = p.id
    ), traced as (
      insert into grant_entries (transfer_id, grant_id, amount_micros) select transfer, id, -part from parts
    ), balanced as (
      update accounts a
         set balance_micros = a.balance_micros - g.charged, held_micros = a.held_micros + g.reserved,
             promotional_micros = a.promotional_micros - coalesce((select sum(p.part) from parts p where p.wallet = a.id and p.kind = 'promotional'), 0),
             entry_count = a.entry_count + g.entries, last_entry_at = greatest(a.last_entry_at, g.last_at), version = a.version + 1
        from (select r.wallet, sum(r.charge + r.late) as charged, max(r.entry_at) as last_at,
                     sum(r.reserve - r.give_back - case when i.kind = 'charge' then 0 else r.charge end) as reserved,
                     sum((r.charge > 0)::int + (r.late > 0)::int) as entries
                from unnest(steps) r cross join lateral (select (r.command).*) i where r.charge > 0 or r.late > 0 or r.reserve > 0 or r.give_back > 0 group by r.wallet) g
       where a.id = g.wallet
    )
    select (select coalesce(sum(amount), 0) from moves) - (select coalesce(sum(part), 0) from parts) into uncovered;
    if uncovered <> 0 then raise exception 'the grants of a batch differ from its charges by %', uncovered; end if;
  end if;
  if charges or resolves then
    -- In one expression each: functions of SQL would be called for every row here, which costs more than the row.
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    select i.events[e.number], 'namaskah.billing.v1.' || e.event, r.id::text, e.version, i.headers,
           convert_to((case when i.kind = 'charge' then jsonb_build_object('transferId', r.id) else jsonb_build_object('holdId', r.id) end ||
                       jsonb_build_object('product', r.product, 'reference', r.reference, 'amount',
                                          jsonb_build_object('currency', r.currency, 'micros', e.amount::text)) ||
                       case when e.total is null then '{}'
                            else jsonb_build_object('capturedTotal', jsonb_build_object('currency', r.currency, 'micros', e.total::text)) end)::text, 'UTF8')
      from unnest(steps) r cross join lateral (select (r.command).*) i
      cross join lateral (values
        (1, r.charge > 0, case when i.kind = 'charge' then 'wallet.charged' else 'hold.captured' end,
         case when i.kind = 'charge' then 1 when i.kind = 'collect' then r.version - 2 when r.give_back > 0 then r.version - 1 else r.version end,
         r.charge, case i.kind when 'charge' then null when 'collect' then r.captured + r.collected - r.late else r.captured end),
        (2, r.give_back > 0 or i.kind in ('release', 'give_back', 'expire'),
         case r.state when 'expired' then 'hold.expired' else 'hold.released' end,
         case when i.kind = 'collect' then r.version - 1 else r.version end, r.give_back, null),
        (3, r.late > 0, 'hold.captured', r.version, r.late, r.captured + r.collected)) e (number, happened, event, version, amount, total)
     where r.outcome = 'done' and e.happened and i.kind not in ('place', 'extend')
     order by i.ordinal, e.number;
  end if;
  return query select (r.command).ordinal, r.outcome, r.available, r.id, r.state, r.amount, r.captured, r.currency, r.product, r.reference, r.description,
                      r.expires_at, r.created_at, r.charge, r.late, r.give_back, r.total, r.collected, r.owed from unnest(steps) r;
end $$;

drop function spending_refusal(uuid, text, bigint, timestamptz);

create or replace function post_transfer(
  w accounts, p_transfer uuid, p_delta bigint, p_unhold bigint, p_promotional bigint, p_type text, p_system uuid, p_description text,
  p_reference text, p_hold uuid, p_payment uuid, p_reverses uuid, p_key text, p_hash bytea, p_now timestamptz
) returns void language plpgsql as $$
begin
  update accounts
     set balance_micros = balance_micros + p_delta, held_micros = held_micros - p_unhold, promotional_micros = promotional_micros + p_promotional,
         entry_count = entry_count + 1, last_entry_at = greatest(last_entry_at, p_now), version = version + 1
   where id = w.id returning * into w;
  insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference,
                         hold_id, payment_id, reverses_id, idempotency_key, request_hash, created_at, actor)
  values (p_transfer, w.tenant_id, p_type, case when p_delta < 0 then w.id else p_system end, case when p_delta < 0 then p_system else w.id end,
          abs(p_delta), w.currency, p_description, p_reference, p_hold, p_payment, p_reverses, p_key, p_hash, w.last_entry_at,
          -- What is given back belongs to whoever caused what it gives back.
          coalesce((select actor from transfers where id = p_reverses), (select actor from holds where id = p_hold), ''));
  insert into entries (transfer_id, account_id, type, amount_micros, currency, account_sequence, balance_after_micros, created_at)
  values (p_transfer, w.id, p_type, p_delta, w.currency, w.entry_count, w.balance_micros, w.last_entry_at),
         (p_transfer, p_system, p_type, -p_delta, w.currency, null, null, w.last_entry_at);
end $$;

-- Each command in its own right; its twin in the same call is answered like one that comes later.
create or replace function carve_holds(p_commands json) returns table (
  ordinal integer, outcome text, id uuid, amount bigint, currency text, product text, reference text, description text,
  expires_at timestamptz, created_at timestamptz
) language plpgsql as $$
#variable_conflict use_column
declare
  c record;
  h holds;
  whole holds;
begin
  perform 1 from accounts a
    where a.kind = 'wallet' and a.tenant_id = any(array(select x.tenant from json_to_recordset(p_commands) as x (tenant uuid)))
    order by a.id for update;
  for c in
    select * from json_to_recordset(p_commands) as x (
      ordinal integer, tenant uuid, currency text, key text, hash bytea, amount bigint, hold uuid, whole uuid, product text, reference text,
      description text, expires timestamptz, acceptable boolean, quote uuid, actor text) order by x.ordinal
  loop
    h := null;
    select * into h from holds where tenant_id = c.tenant and idempotency_key = c.key;
    if found then
      outcome := case when h.request_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
    elsif not c.acceptable then
      outcome := 'expiry_refused';
    else
      whole := null;
      select * into whole from holds where id = c.whole and tenant_id = c.tenant and currency = c.currency;
      outcome := case
        when whole.id is null then 'not_found'
        when whole.state <> 'held' then 'hold_' || whole.state
        when whole.captured_micros > 0 then 'hold_captured'
        when c.amount > whole.amount_micros then 'capture_exceeds_hold'
        when c.quote is not null then coalesce((
          select case when c.amount > q.total_micros then 'quote_exceeded' else 'done' end
            from quotes q where q.id = c.quote and q.tenant_id = c.tenant and q.currency = c.currency), 'quote_invalid')
        else 'done' end;
      if outcome = 'done' then
        update holds set amount_micros = amount_micros - c.amount, carved_micros = carved_micros + c.amount where id = whole.id;
        insert into holds (id, tenant_id, amount_micros, currency, product, reference, description, expires_at, first_expires_at, created_at,
                           idempotency_key, request_hash, quote_id, from_hold_id, actor)
        values (c.hold, c.tenant, c.amount, c.currency, c.product, c.reference, c.description, c.expires, c.expires, whole.created_at,
                c.key, c.hash, c.quote, whole.id, coalesce(nullif(c.actor, ''), whole.actor))
        returning * into h;
      end if;
    end if;
    return query select c.ordinal, outcome, h.id, h.amount_micros + h.carved_micros, h.currency, h.product, h.reference, h.description,
                        h.first_expires_at, h.created_at;
  end loop;
end $$;

-- Everything that a transfer says and did, as text that does not depend on settings of the session.
create or replace function transfer_digest(t transfers) returns bytea language sql stable as $$
  select sha256(convert_to((jsonb_build_array(
    t.id, t.tenant_id, t.type, t.debit_account_id, t.credit_account_id, t.amount_micros, t.currency, t.description, t.reference, t.hold_id,
    t.payment_id, t.reverses_id, t.idempotency_key, encode(t.request_hash, 'hex'), (extract(epoch from t.created_at) * 1000000)::bigint,
    (select jsonb_agg(jsonb_build_array(e.account_id, e.amount_micros, e.account_sequence, e.balance_after_micros) order by e.account_id)
       from entries e where e.transfer_id = t.id),
    (select jsonb_agg(jsonb_build_array(g.grant_id, g.amount_micros) order by g.grant_id) from grant_entries g where g.transfer_id = t.id)
  ) || case when t.actor = '' then '[]'::jsonb else jsonb_build_array(t.actor) end)::text, 'UTF8'))
$$;
`,
);
