import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * execute_ledger again:
 * - A wallet that was opened while a batch waited for the locks of others is not there for this batch. It was read without its lock, and what
 *   another batch had reserved of it meanwhile was reserved again.
 * - A release no longer leaves expired credit to what is asked for behind it in the same batch: commands of a wallet that has some are done one
 *   after the other.
 * - Each command is asked about the window of a budget in which it will count. A batch over midnight was asked as a whole about the window of its
 *   first command; a charge of a replica that is behind was asked about yesterday's and counted in today's.
 * - The key of a charge is one for all products: with another one it is a conflict, where it was a second charge.
 *
 * And what a window of a budget has seen is counted from the entries of its own wallet.
 *
 * And a refund gives back what was charged, nothing else: refunds of payments, disputes, debits by hand and expired credit could be refunded, too.
 * It revives no expired credit that the sweeper had not taken yet.
 */
export const ledgerCorrections = sqlMigration(
  '20261122-0126-ledger-corrections',
  `
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
  -- By the position of the command.
  effects ledger_effect[];
  e ledger_effect;
  c record;
  -- Running state of each wallet of the batch; "at" is the position of the one at hand.
  wallets uuid[] := '{}';
  balances bigint[] := '{}';
  helds bigint[] := '{}';
  sequences bigint[] := '{}';
  entries_at timestamptz[] := '{}';
  at integer;
  wallet uuid;
  -- Of each wallet, once the batch is too large to be asked about as a whole: reserved so far, in all and by product.
  reserved bigint[] := '{}';
  reserved_of jsonb[] := '{}';
  unlimited boolean[] := '{}';
  -- Whether anybody in this batch has a pause or a hard budget: nobody else's spending needs to be asked about.
  limited boolean;
  lapsing boolean;
  -- The wallets that this batch has locked. One that was opened while it waited for the others is not among them.
  locked uuid[];
  -- Tenants whose commands are done one after the other, each as a batch of its own.
  apart uuid[] := '{}';
  counts_at timestamptz;
  refusal text;
  answer spending_answer;
  missing bigint;
  settles boolean := false;
  asks boolean := false;
  places boolean := false;
  charges boolean := false;
  charges_late boolean := false;
  gives_back boolean := false;
  resolves boolean := false;
  uncollecting boolean := false;
  dues uuid[];
  due uuid;
  uncovered bigint;
begin
  select coalesce(bool_or(i.kind in ('place', 'charge')), false), coalesce(bool_or(i.kind not in ('place', 'charge')), false) into asks, settles
    from unnest(commands) i;
  -- An expiry moves later only, so what need not move now never will: then no wallet is locked for it.
  select bool_or(l.credit_expires_at <= p_now), array_agg(l.id) into lapsing, locked from (
    select id, credit_expires_at from accounts
     where kind = 'wallet' and tenant_id = any(p_tenants || array(
       select i.tenant from unnest(commands) i
        where i.kind <> 'extend' or exists (select 1 from holds h where h.id = i.hold and h.resolved_at is null and h.expires_at < i.expires)))
     order by id for update) l;
  if lapsing then
    dues := array(
      select a.id from accounts a
       where a.id = any(locked) and a.credit_expires_at <= p_now
         and a.tenant_id = any(array(select i.tenant from unnest(commands) i where i.kind in ('place', 'charge', 'collect'))) order by a.id);
    foreach due in array dues loop
      perform lapse_credit(due, p_now);
    end loop;
    -- What has expired and is still there is held. A command that gives it back leaves nothing of it to the next one.
    if cardinality(commands) > 1 then
      apart := array(select a.tenant_id from accounts a where a.id = any(dues) and a.credit_expires_at <= p_now);
    end if;
  end if;
  limited := asks and (
    exists (select 1 from spending_pauses where tenant_id = any(array(select i.tenant from unnest(commands) i)))
    or exists (select 1 from budgets where hard and tenant_id = any(array(select i.tenant from unnest(commands) i))));
  -- A batch is asked about as a whole where all of it counts in one window.
  if limited and cardinality(commands) > 1 then
    apart := apart || array(
      select b.tenant_id
        from (select i.tenant, min(i.now) as first_at, greatest(max(i.now), max(a.last_entry_at) filter (where i.kind = 'charge')) as last_at
                from unnest(commands) i left join accounts a on a.kind = 'wallet' and a.tenant_id = i.tenant and a.currency = i.currency
               where i.kind in ('place', 'charge') group by i.tenant) n
        join budgets b on b.tenant_id = n.tenant and b.hard
       where budget_window(b.interval, b.zone, n.first_at) <> budget_window(b.interval, b.zone, n.last_at));
  end if;
  if cardinality(apart) > 0 then
    for c in
      select json_agg(i.command) as batch
        from json_array_elements(p_commands) with ordinality i (command, position)
       group by case when (i.command ->> 'tenant')::uuid = any(apart) then i.position end
       -- In the order of a batch: what is settled comes first.
       order by bool_or(i.command ->> 'kind' in ('place', 'charge')), min(i.position)
    loop
      return query select * from execute_ledger(c.batch, '{}', p_now);
    end loop;
    return;
  end if;

  -- What is settled first may make room for what is asked.
  if settles then
    for c in
      select i.*, a.id as wallet, a.balance_micros, a.held_micros, a.entry_count, a.last_entry_at, h.id as h_id, h.state as h_state,
             h.amount_micros as h_amount, h.captured_micros as h_captured, h.currency as h_currency, h.product as h_product,
             h.reference as h_reference, h.description as h_description, h.expires_at as h_expires, h.created_at as h_created,
             h.version as h_version, h.actor as h_actor,
             o.request_hash as o_hash, o.state as o_state, o.captured_micros as o_captured, o.expires_at as o_expires,
             u.total_micros, u.collected_micros, u.owed_micros, u.version as u_version
        from unnest(commands) with ordinality i
        left join lateral (select * from hold_operations o
           where i.kind in ('capture', 'release') and o.tenant_id = i.tenant and o.operation = i.kind and o.idempotency_key = i.key) o on true
        -- By its one key, and filtered afterwards: with the tenant beside it, a plan made early walks all holds of the tenant.
        left join lateral (select * from holds where id = coalesce(o.hold_id, i.hold) offset 0) h on h.tenant_id = i.tenant
        left join lateral (select * from uncollected u where i.kind = 'collect' and u.hold_id = i.hold offset 0) u on true
        left join lateral (select * from accounts
           where kind = 'wallet' and tenant_id = i.tenant and currency = coalesce(h.currency, i.currency) offset 0) a on true
       where i.kind not in ('place', 'charge')
    loop
      if c.wallet is distinct from wallet then
        wallet := c.wallet; at := array_position(wallets, wallet);
        if at is null then
          at := cardinality(wallets) + 1;
          wallets[at] := wallet; balances[at] := c.balance_micros; helds[at] := c.held_micros; sequences[at] := c.entry_count; entries_at[at] := c.last_entry_at;
        end if;
      end if;
      e := null;
      e.wallet := wallet; e.charge := 0; e.late := 0; e.give_back := 0;
      e.id := c.h_id; e.state := c.h_state; e.size := c.h_amount; e.captured := c.h_captured; e.of_currency := c.h_currency;
      e.of_product := c.h_product; e.of_reference := c.h_reference; e.of_description := c.h_description; e.of_actor := coalesce(c.h_actor, '');
      e.ends_at := c.h_expires; e.made_at := c.h_created; e.version := c.h_version;
      if c.o_hash is not null then
        e.outcome := case when c.o_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
        e.state := c.o_state; e.captured := c.o_captured; e.ends_at := c.o_expires;
      elsif c.h_id is null then
        e.outcome := 'not_found';
      elsif c.kind = 'collect' then
        e.outcome := 'done';
        e.total := coalesce(c.total_micros, 0); e.collected := coalesce(c.collected_micros, 0);
        missing := greatest(greatest(e.total, c.amount) - c.h_captured - e.collected, 0);
        if c.h_state = 'held' then
          e.charge := least(missing, c.h_amount - c.h_captured);
          e.captured := c.h_captured + e.charge;
          if c.final then
            e.give_back := c.h_amount - e.captured; e.state := case when e.captured > 0 then 'captured' else 'released' end;
          end if;
          missing := missing - e.charge;
          helds[at] := helds[at] - e.charge - e.give_back;
          -- Up to three events may follow, each with its own version.
          if e.charge > 0 or c.final then e.version := e.version + 3; resolves := true; end if;
        end if;
        if missing > 0 then
          e.uncollected_steps := 3;
          e.late := least(missing, balances[at] - e.charge - helds[at]); e.owed := missing - e.late;
          e.total := greatest(e.total, c.amount); e.collected := e.collected + e.late;
        else
          e.owed := 0; e.uncollected_steps := case when c.owed_micros > 0 then 1 else 0 end;
        end if;
        uncollecting := uncollecting or e.uncollected_steps > 0;
        e.uncollected_version := coalesce(c.u_version, 0) + e.uncollected_steps;
        e.version := e.version + e.uncollected_version;
      elsif c.kind = 'extend' then
        e.outcome := 'done';
        if c.h_state = 'held' and c.h_expires < c.expires then e.ends_at := c.expires; e.version := e.version + 1; resolves := true; end if;
      elsif c.h_state <> 'held' then
        e.outcome := 'hold_' || c.h_state;
      elsif c.kind = 'capture' then
        if c.h_captured + c.amount > c.h_amount or c.h_currency <> c.currency then
          e.outcome := 'capture_exceeds_hold';
        else
          e.outcome := 'done'; resolves := true; e.charge := c.amount; e.captured := c.h_captured + c.amount; e.version := e.version + 1;
          if c.final then
            e.state := 'captured'; e.give_back := c.h_amount - e.captured;
            if e.give_back > 0 then e.version := e.version + 1; end if;
          end if;
          helds[at] := helds[at] - e.charge - e.give_back;
        end if;
      elsif c.kind = 'expire' and c.h_expires > c.now then
        e.outcome := 'not_due';
      else
        e.outcome := 'done'; resolves := true; gives_back := true; e.state := case when c.kind = 'expire' then 'expired' else 'released' end;
        e.give_back := c.h_amount - c.h_captured; e.version := e.version + 1; helds[at] := helds[at] - e.give_back;
      end if;
      gives_back := gives_back or e.give_back > 0;
      if e.charge > 0 or e.late > 0 then
        charges := true; entries_at[at] := greatest(entries_at[at], c.now); e.entry_at := entries_at[at];
        if e.charge > 0 then balances[at] := balances[at] - e.charge; sequences[at] := sequences[at] + 1; e.balance_after := balances[at]; end if;
        if e.late > 0 then
          charges_late := true; balances[at] := balances[at] - e.late; sequences[at] := sequences[at] + 1; e.late_balance_after := balances[at];
        end if;
        e.sequence := sequences[at];
      end if;
      effects[c.ordinality] := e;
    end loop;
  end if;

  if asks then
    for c in
      select i.*, a.id as wallet, a.balance_micros, a.held_micros, a.entry_count, a.last_entry_at,
             h.id as h_id, h.amount_micros as h_amount, h.currency as h_currency, h.product as h_product, h.reference as h_reference,
             h.description as h_description, h.first_expires_at as h_first_expires, h.created_at as h_created, h.request_hash as h_hash,
             t.id as t_id, t.request_hash as t_hash
        from unnest(commands) with ordinality i
        left join lateral (select * from holds where i.kind = 'place' and tenant_id = i.tenant and idempotency_key = i.key offset 0) h on true
        -- Type by type, so that each look is one at the index's whole key.
        left join lateral (
          select found.* from unnest('{charge,subscription,usage}'::text[]) k (type)
           cross join lateral (select * from transfers where tenant_id = i.tenant and type = k.type and idempotency_key = i.key offset 0) found
           where i.kind = 'charge'
           -- From before 0126 there may be one of each type: then that which this command made.
           order by found.type <> case when i.product in ('subscription', 'usage') then i.product else 'charge' end limit 1) t on true
        left join lateral (select * from accounts
           where kind = 'wallet' and tenant_id = i.tenant and currency = coalesce(h.currency, i.currency) offset 0) a on true
       where i.kind in ('place', 'charge')
    loop
      if c.wallet is distinct from wallet then
        -- Without its lock a wallet's balance means nothing: for this batch it is not there yet.
        wallet := case when c.wallet = any(locked) then c.wallet end; at := array_position(wallets, wallet);
        if at is null then
          at := cardinality(wallets) + 1;
          wallets[at] := wallet; balances[at] := c.balance_micros; helds[at] := c.held_micros; sequences[at] := c.entry_count; entries_at[at] := c.last_entry_at;
        end if;
      end if;
      e := null;
      e.wallet := wallet; e.charge := 0; e.late := 0; e.give_back := 0;
      if c.h_id is not null then
        e.outcome := case when c.h_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
        e.id := c.h_id; e.state := 'held'; e.size := c.h_amount; e.captured := 0; e.of_currency := c.h_currency; e.of_product := c.h_product;
        e.of_reference := c.h_reference; e.of_description := c.h_description; e.ends_at := c.h_first_expires; e.made_at := c.h_created;
      elsif c.t_id is not null then
        e.outcome := case when c.t_hash = c.hash then 'replayed' else 'idempotency_conflict' end;
        e.id := c.t_id;
      elsif c.kind = 'place' and not c.acceptable then
        e.outcome := 'expiry_refused';
      elsif wallet is null then
        e.outcome := 'insufficient_credit'; e.available := 0;
      else
        refusal := case when c.quote is not null then quote_refusal(c.tenant, c.quote, c.currency, c.amount, c.now) end;
        if refusal is null and limited then
          -- A hold counts when it was asked for, a charge when it is booked.
          counts_at := case when c.kind = 'charge' then greatest(c.now, entries_at[at]) else c.now end;
          -- Asked once for all that the batch may reserve of this wallet; one by one only when that is too much.
          if unlimited[at] is null then
            unlimited[at] := (spending_refusal(c.tenant, c.currency, null, (
              select sum(i.amount) from unnest(commands) i
               where i.kind in ('place', 'charge') and i.tenant = c.tenant and i.currency = c.currency)::bigint, 0, 0, counts_at)).refusal is null;
            reserved[at] := 0; reserved_of[at] := '{}';
          end if;
          if not unlimited[at] then
            answer := spending_refusal(c.tenant, c.currency, c.product, c.amount, reserved[at], coalesce((reserved_of[at] ->> c.product)::bigint, 0), counts_at);
            refusal := answer.refusal;
            -- What is refused writes nothing: its fields tell which budget it was, what is left of it, and until when.
            e.id := answer.budget; e.of_product := answer.product; e.of_description := answer.name; e.available := answer.available;
            e.ends_at := answer.resets_at;
          end if;
        end if;
        if refusal is not null then
          e.outcome := refusal;
        elsif balances[at] - helds[at] < c.amount then
          e.outcome := 'insufficient_credit'; e.available := balances[at] - helds[at];
        else
          e.outcome := 'done';
          if not unlimited[at] then
            reserved[at] := reserved[at] + c.amount;
            reserved_of[at] := reserved_of[at] || jsonb_build_object(c.product, coalesce((reserved_of[at] ->> c.product)::bigint, 0) + c.amount);
          end if;
          if c.kind = 'place' then
            places := true; helds[at] := helds[at] + c.amount; e.id := c.hold;
          else
            charges := true; balances[at] := balances[at] - c.amount; sequences[at] := sequences[at] + 1; entries_at[at] := greatest(entries_at[at], c.now);
            e.id := c.transfer; e.charge := c.amount; e.of_currency := c.currency; e.of_product := c.product; e.of_reference := c.reference;
            e.of_description := c.description; e.of_actor := coalesce(c.actor, ''); e.sequence := sequences[at]; e.balance_after := balances[at];
            e.entry_at := entries_at[at];
          end if;
        end if;
      end if;
      effects[c.ordinality] := e;
    end loop;
  end if;

  if places then
    insert into holds (id, tenant_id, amount_micros, currency, product, reference, description, expires_at, first_expires_at, created_at, idempotency_key, request_hash, quote_id, actor)
    select r.hold, r.tenant, r.amount, r.currency, r.product, r.reference, r.description, r.expires, r.expires, r.now, r.key, r.hash, r.quote, coalesce(r.actor, '')
      from unnest(commands, effects) r where r.kind = 'place' and r.outcome = 'done';
  end if;
  if resolves then
    -- "resolved_at is null", not "state = 'held'": with that, a plan made early walks all open holds by their index, for each command.
    update holds h
       set captured_micros = h.captured_micros + r.charge, state = r.state, expires_at = r.ends_at,
           resolved_at = case when r.state <> 'held' then r.now end,
           version = case r.kind when 'collect' then h.version + 3 else r.version end
      from unnest(commands, effects) r
     where h.id = r.id and r.outcome = 'done' and r.kind not in ('place', 'charge') and h.resolved_at is null
       and (r.state <> 'held' or r.charge > 0 or h.expires_at <> r.ends_at);
    insert into hold_operations (tenant_id, operation, idempotency_key, request_hash, hold_id, state, captured_micros, expires_at, created_at)
    select r.tenant, r.kind, r.key, r.hash, r.id, r.state, r.captured, r.ends_at, r.now
      from unnest(commands, effects) r where r.outcome = 'done' and r.kind in ('capture', 'release');
  end if;
  if uncollecting then
    insert into uncollected (hold_id, tenant_id, product, reference, currency, total_micros, collected_micros, owed_micros, version, created_at, updated_at)
    select r.id, r.tenant, r.of_product, r.of_reference, r.of_currency, r.total, r.collected, r.owed, r.uncollected_version, r.now, r.now
      from unnest(commands, effects) r where r.uncollected_steps > 0
    on conflict (hold_id) do update
       set total_micros = excluded.total_micros, collected_micros = excluded.collected_micros, owed_micros = excluded.owed_micros,
           version = excluded.version, updated_at = excluded.updated_at;
  end if;
  if charges then
    with moves as materialized (
      select m.*, revenue.id as revenue
        from (
          select r.wallet, r.tenant, case when r.kind = 'charge' and r.product in ('subscription', 'usage') then r.product else 'charge' end as type,
                 r.transfer, r.charge as amount, r.sequence - (r.late > 0)::integer as sequence, r.balance_after, r.entry_at,
                 case when r.kind <> 'charge' then r.id end as hold, r.of_product, r.of_currency, r.of_description, r.of_reference, r.of_actor,
                 case when r.kind = 'charge' then r.key end as key, case when r.kind = 'charge' then r.hash end as hash
            from unnest(commands, effects) r where r.charge > 0
          union all
          select r.wallet, r.tenant, 'charge', r.late_transfer, r.late, r.sequence, r.late_balance_after, r.entry_at, r.id, r.of_product, r.of_currency,
                 r.of_description, r.of_reference, r.of_actor, null, null
            from unnest(commands, effects) r where charges_late and r.late > 0) m
        join lateral (select id from accounts
           where kind = 'revenue' and kind <> 'wallet' and discriminator = m.of_product and currency = m.of_currency offset 0) revenue on true
    ), noted as (
      insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference,
                             hold_id, idempotency_key, request_hash, created_at, actor)
      select transfer, tenant, type, wallet, revenue, amount, of_currency, of_description, of_reference, hold, key, hash, entry_at, of_actor from moves
    ), posted as (
      insert into entries (transfer_id, account_id, type, amount_micros, currency, account_sequence, balance_after_micros, created_at)
      select transfer, wallet, type, -amount, of_currency, sequence, balance_after, entry_at from moves
      union all
      select transfer, revenue, type, amount, of_currency, null, null, entry_at from moves
    ), asked as (
      -- A charge takes the credit from "upto - amount" to "upto" of its wallet, counted in the order in which it is burnt …
      select wallet, array_agg(transfer) as transfers, array_agg(amount) as amounts, array_agg(upto) as uptos
        from (select wallet, transfer, amount, sum(amount) over (partition by wallet order by sequence) as upto from moves) m group by wallet
    ), parts as materialized (
      -- … and so it takes of each grant what lies in both ranges. Wallet by wallet: a batch may have as many as commands.
      select a.wallet, m.transfer, o.id, o.kind, (least(m.upto, o.upto) - greatest(m.upto - m.amount, o.upto - o.remaining_micros))::bigint as part
        from asked a
        cross join lateral (
          -- The order is that of burn_order(), written out: a call for each grant costs more than the rest of the burning.
          select g.id, g.kind, g.remaining_micros, sum(g.remaining_micros) over (
                   order by case when g.expires_at <= p_now then 0 else g.priority end, coalesce(g.expires_at, 'infinity'), g.created_at, g.id) as upto
            from grants g where g.open and g.wallet_id = a.wallet offset 0) o
        cross join lateral unnest(a.transfers, a.amounts, a.uptos) m (transfer, amount, upto)
       where o.upto - o.remaining_micros < m.upto and o.upto > m.upto - m.amount
    ), burnt as (
      update grants g set remaining_micros = g.remaining_micros - p.part, open = g.remaining_micros > p.part
        from (select id, sum(part)::bigint as part from parts group by id) p where g.id = p.id
    ), traced as (
      insert into grant_entries (transfer_id, grant_id, amount_micros) select transfer, id, -part from parts
    ), balanced as (
      update accounts a
         set balance_micros = w.balance, held_micros = w.held, promotional_micros = a.promotional_micros - w.promotional,
             entry_count = w.entries, last_entry_at = w.last_at, version = a.version + 1
        from (
          select wallet, max(balance) as balance, max(held) as held, max(entries) as entries, max(last_at) as last_at, sum(promotional) as promotional
            from (
              select wallet, balance, held, entries, last_at, 0 as promotional
                from unnest(wallets, balances, helds, sequences, entries_at) w (wallet, balance, held, entries, last_at)
              union all
              select wallet, null, null, null, null, part from parts where kind = 'promotional') each
           group by wallet) w
       where a.id = w.wallet and (a.entry_count <> w.entries or a.held_micros <> w.held)
    )
    select (select coalesce(sum(amount), 0) from moves) - (select coalesce(sum(part), 0) from parts) into uncovered;
    if uncovered <> 0 then raise exception 'the grants of a batch differ from its charges by %', uncovered; end if;
  elsif places or resolves then
    update accounts a set held_micros = w.held, version = a.version + 1
      from unnest(wallets, helds) w (wallet, held) where a.id = w.wallet and a.held_micros <> w.held;
  end if;
  if charges or gives_back then
    -- In one expression each: functions of SQL would be called for every row here, which costs more than the row. Events of one hold in
    -- the order of their versions: charged, given back, charged late.
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    select event, 'namaskah.billing.v1.' || name, m.id::text, m.version, m.headers,
           convert_to((case when m.kind = 'charge' then '{"transferId":"' else '{"holdId":"' end) || m.id || '","product":' || to_json(m.of_product) ||
             ',"reference":' || to_json(m.of_reference) || ',"amount":{"currency":"' || m.of_currency || '","micros":"' || m.told || '"}' ||
             case when m.told_total is null then '}' else ',"capturedTotal":{"currency":"' || m.of_currency || '","micros":"' || m.told_total || '"}}' end, 'UTF8')
      from (
        select r.events[1] as event, case when r.kind = 'charge' then 'wallet.charged' else 'hold.captured' end as name, r.id, r.kind, r.of_product, r.of_reference,
               r.of_currency, r.headers, r.charge as told,
               case when r.kind = 'charge' then 1 when r.kind = 'collect' then r.version - 2 when r.give_back > 0 then r.version - 1 else r.version end as version,
               case r.kind when 'charge' then null when 'collect' then r.captured + r.collected - r.late else r.captured end as told_total
          from unnest(commands, effects) r where r.charge > 0
        union all
        select r.events[2], case r.state when 'expired' then 'hold.expired' else 'hold.released' end, r.id, r.kind, r.of_product, r.of_reference,
               r.of_currency, r.headers, r.give_back, case when r.kind = 'collect' then r.version - 1 else r.version end, null
          from unnest(commands, effects) r
         where gives_back and r.outcome = 'done' and (r.give_back > 0 or r.kind in ('release', 'give_back', 'expire'))
        union all
        select r.events[3], 'hold.captured', r.id, r.kind, r.of_product, r.of_reference, r.of_currency, r.headers, r.late, r.version, r.captured + r.collected
          from unnest(commands, effects) r where charges_late and r.late > 0) m;
  end if;
  return query select r.ordinal, r.outcome, r.available, r.id, r.state, r.size, r.captured, r.of_currency, r.of_product, r.of_reference, r.of_description,
                      r.ends_at, r.made_at, r.charge, r.late, r.give_back, r.total, r.collected, r.owed from unnest(commands, effects) r;
end $$;

-- As before, but charges are found by the entries of the wallet: by tenant and time there is no index of transfers, so those of all tenants were read.
create or replace function spent_in_window(b budgets, p_start timestamptz) returns bigint language sql stable as $$
  select (coalesce((select sum(hold_spending(h)) from holds h
                     where h.tenant_id = b.tenant_id and h.currency = b.currency and b.product in ('', h.product)
                       and h.created_at >= p_start and h.created_at < budget_window_end(b.interval, b.zone, p_start)), 0)
        + coalesce((select sum(t.amount_micros)
                      from accounts w join entries e on e.account_id = w.id join transfers t on t.id = e.transfer_id join accounts a on a.id = t.credit_account_id
                     where w.kind = 'wallet' and w.tenant_id = b.tenant_id and w.currency = b.currency
                       and e.account_sequence is not null and e.type = 'charge' and t.hold_id is null and b.product in ('', a.discriminator)
                       and e.created_at >= p_start and e.created_at < budget_window_end(b.interval, b.zone, p_start)), 0))::bigint
$$;

-- Gives back a debit of this tenant, whole or in parts, from the account that it went to and to the grants that it came from. The type
-- is 'refund' for what was charged, else that of the debit itself (a payment refund that failed, a dispute that was won).
-- done · not_found (no such debit of this tenant) · exceeds (more than is left of it) · replayed · idempotency_conflict
create or replace function reverse_transfer(
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
  -- Money that left through a gateway, say, is back with the customer: as credit he would have it twice.
  if not found or t.type <> p_type and (p_type <> 'refund' or t.type not in ('charge', 'usage', 'subscription')) then return 'not_found'; end if;
  select * into w from accounts where id = t.debit_account_id and kind = 'wallet' for update;
  if not found then return 'not_found'; end if;
  if p_key is not null then
    select request_hash into earlier from transfers where tenant_id = p_tenant and type = p_type and idempotency_key = p_key;
    if found then return case when earlier = p_hash then 'replayed' else 'idempotency_conflict' end; end if;
  end if;
  -- Credit that comes back to an expired grant lives on, and with it whatever is in that grant: what has lapsed must be gone by then.
  if w.credit_expires_at <= p_now then perform lapse_credit(w.id, p_now); end if;
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
`,
);
