import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Budgets and pauses: what the ledger asks about before it reserves money. The ledger changes a tenant's holds only while the tenant's
 * wallet is locked, so what is counted here needs no lock of its own, and a budget that is made under that lock misses nothing.
 */
export const spending = sqlMigration(
  '20261121-0051-spending',
  `
create table spending_pauses (
  tenant_id uuid not null,
  source text not null check (source in ('tenant', 'operator')),
  reason text not null,
  paused_by text not null,
  paused_at timestamptz not null,
  primary key (tenant_id, source)
);

create table budgets (
  id uuid primary key,
  tenant_id uuid not null,
  name text not null,
  interval text not null check (interval in ('daily', 'monthly')),
  product text not null default '',
  currency text not null,
  amount_micros bigint not null check (amount_micros > 0),
  hard boolean not null,
  zone text not null,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index budgets_tenant on budgets (tenant_id, created_at desc, id desc);

-- Spent = what open holds reserve and resolved ones took, by the time at which they were placed; and charges without a hold.
create table budget_windows (
  budget_id uuid not null references budgets on delete cascade,
  starts_at timestamptz not null,
  spent_micros bigint not null,
  primary key (budget_id, starts_at)
) with (fillfactor = 50);

create function budget_window(p_interval text, p_zone text, p_at timestamptz) returns timestamptz language sql stable as $$
  select date_trunc(case p_interval when 'daily' then 'day' else 'month' end, p_at, p_zone)
$$;
create function budget_window_end(p_interval text, p_zone text, p_start timestamptz) returns timestamptz language sql stable as $$
  select (p_start at time zone p_zone + case p_interval when 'daily' then interval '1 day' else interval '1 month' end) at time zone p_zone
$$;
create function hold_spending(h holds) returns bigint language sql immutable as $$
  select case when h.state = 'held' then h.amount_micros else h.captured_micros end
$$;

-- Once a statement, hence once a batch.
create function count_placed() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from budgets) then return null; end if;
  insert into budget_windows (budget_id, starts_at, spent_micros)
  select b.id, budget_window(b.interval, b.zone, n.created_at), sum(n.amount_micros)
    from placed n join budgets b on b.tenant_id = n.tenant_id and b.currency = n.currency and b.product in ('', n.product)
   group by 1, 2 order by 1, 2
  on conflict (budget_id, starts_at) do update set spent_micros = budget_windows.spent_micros + excluded.spent_micros;
  return null;
end $$;
create trigger holds_count_placed after insert on holds referencing new table as placed for each statement execute function count_placed();

-- What is given back, goes back to the window that it was taken from. A hold from before the budget's first window has none.
create function count_resolved() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from budgets) then return null; end if;
  update budget_windows w set spent_micros = w.spent_micros + d.difference
    from (select b.id, budget_window(b.interval, b.zone, h.created_at) as starts_at, sum(h.spending) as difference
            -- After less before, without joining the two: the ledger's functions allow no plan that would do it well.
            from (select n.tenant_id, n.currency, n.product, n.created_at, hold_spending(n) as spending from resolved n
                  union all
                  select o.tenant_id, o.currency, o.product, o.created_at, -hold_spending(o) from unresolved o) h
            join budgets b on b.tenant_id = h.tenant_id and b.currency = h.currency and b.product in ('', h.product)
           group by 1, 2 having sum(h.spending) <> 0 order by 1, 2) d
   where w.budget_id = d.id and w.starts_at = d.starts_at;
  return null;
end $$;
create trigger holds_count_resolved after update on holds referencing old table as unresolved new table as resolved
  for each statement execute function count_resolved();

create function count_charged() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from budgets) then return null; end if;
  insert into budget_windows (budget_id, starts_at, spent_micros)
  select b.id, budget_window(b.interval, b.zone, t.created_at), sum(t.amount_micros)
    from posted t join budgets b on b.tenant_id = t.tenant_id and b.currency = t.currency
    join accounts a on a.id = t.credit_account_id and b.product in ('', a.discriminator)
   where t.type = 'charge' and t.hold_id is null
   group by 1, 2 order by 1, 2
  on conflict (budget_id, starts_at) do update set spent_micros = budget_windows.spent_micros + excluded.spent_micros;
  return null;
end $$;
create trigger transfers_count_charged after insert on transfers referencing new table as posted for each statement execute function count_charged();

-- What a window has seen already, from the books themselves: for a budget that is made in the middle of it, and for the audit.
create function spent_in_window(b budgets, p_start timestamptz) returns bigint language sql stable as $$
  select (coalesce((select sum(hold_spending(h)) from holds h
                     where h.tenant_id = b.tenant_id and h.currency = b.currency and b.product in ('', h.product)
                       and h.created_at >= p_start and h.created_at < budget_window_end(b.interval, b.zone, p_start)), 0)
        + coalesce((select sum(t.amount_micros) from transfers t join accounts a on a.id = t.credit_account_id
                     where t.tenant_id = b.tenant_id and t.currency = b.currency and t.type = 'charge' and t.hold_id is null and b.product in ('', a.discriminator)
                       and t.created_at >= p_start and t.created_at < budget_window_end(b.interval, b.zone, p_start)), 0))::bigint
$$;

-- Volatile on purpose: it is asked in the middle of a statement that began before it got the wallet's lock, and has to see what the
-- batch before it has committed.
create or replace function spending_refusal(p_tenant uuid, p_currency text, p_amount bigint, p_now timestamptz) returns text language plpgsql volatile as $$
begin
  if exists (select 1 from spending_pauses where tenant_id = p_tenant) then return 'spending_paused'; end if;
  if exists (
    select 1 from budgets b left join budget_windows w on w.budget_id = b.id and w.starts_at = budget_window(b.interval, b.zone, p_now)
     where b.tenant_id = p_tenant and b.hard and b.currency = p_currency and b.product = '' and coalesce(w.spent_micros, 0) + p_amount > b.amount_micros
  ) then return 'budget_exhausted'; end if;
  return null;
end $$;
`,
);
