import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * What providers take from us for what customers bought: transfers between two system accounts, out of the costs of a product into what is
 * owed to a provider. So a margin is a matter of the books, not of an estimate. A cost is known by what it was for, once for ever: a fact that
 * is told again, or by another event, posts nothing.
 */
export const providerCosts = sqlMigration(
  '20261121-0081-provider-costs',
  `
alter table accounts drop constraint accounts_kind;
alter table accounts add constraint accounts_kind check (kind in
  ('wallet', 'revenue', 'clearing', 'promotion', 'refunds', 'provider_cost', 'payable', 'breakage', 'rounding', 'adjustment', 'dispute'));
alter table transfers drop constraint transfers_type;
alter table transfers add constraint transfers_type check (type in
  ('payment', 'promotion', 'charge', 'refund', 'payment_refund', 'dispute', 'subscription', 'usage', 'adjustment', 'expiry', 'provider_cost'));

create table provider_costs (
  tenant_id uuid not null,
  product text not null,
  -- The id of what was bought: that of the charge's reference.
  reference text not null,
  provider text not null check (length(provider) between 1 and 100),
  amount_micros bigint not null check (amount_micros > 0),
  currency text not null,
  transfer_id uuid not null unique,
  occurred_at timestamptz not null,
  primary key (tenant_id, product, reference)
);
create index provider_costs_time on provider_costs (occurred_at);
create trigger provider_costs_immutable before update or delete or truncate on provider_costs for each statement execute function refuse_change();
-- Reports read days of all tenants. Transfers come in the order of their time, so a few pages tell which of them hold a day.
create index transfers_by_time on transfers using brin (created_at) with (pages_per_range = 32, autosummarize = on);

-- @returns how many were new
create function post_provider_costs(p_costs json) returns bigint language plpgsql as $$
declare
  posted bigint;
begin
  -- A provider's or a product's first cost opens its account.
  insert into accounts (id, kind, discriminator, currency, created_at)
  select gen_random_uuid(), w.kind, w.discriminator, w.currency, min(w.at)
    from (select 'payable' as kind, provider as discriminator, currency, at
            from json_to_recordset(p_costs) as c (provider text, currency text, at timestamptz)
          union all
          select 'provider_cost', product, currency, at from json_to_recordset(p_costs) as c (product text, currency text, at timestamptz)) w
   where not exists (select 1 from accounts a
                      where a.kind = w.kind and a.kind <> 'wallet' and a.discriminator = w.discriminator and a.currency = w.currency)
   group by w.kind, w.discriminator, w.currency order by 2, 3, 4
  on conflict (kind, discriminator, currency) where kind <> 'wallet' do nothing;

  with asked as (
    select * from json_to_recordset(p_costs) as c
      (transfer uuid, tenant uuid, product text, reference text, provider text, amount bigint, currency text, description text, at timestamptz)
  ), fresh as (
    insert into provider_costs (tenant_id, product, reference, provider, amount_micros, currency, transfer_id, occurred_at)
    select tenant, product, reference, provider, amount, currency, transfer, at from asked order by tenant, product, reference
    on conflict (tenant_id, product, reference) do nothing
    returning *
  ), moves as materialized (
    select f.*, d.id as cost_id, p.id as payable_id, a.description
      from fresh f join asked a on a.transfer = f.transfer_id
      join accounts d on d.kind = 'provider_cost' and d.kind <> 'wallet' and d.discriminator = f.product and d.currency = f.currency
      join accounts p on p.kind = 'payable' and p.kind <> 'wallet' and p.discriminator = f.provider and p.currency = f.currency
  ), noted as (
    insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference, created_at)
    select transfer_id, tenant_id, 'provider_cost', cost_id, payable_id, amount_micros, currency, description, reference, occurred_at from moves
  ), entered as (
    insert into entries (transfer_id, account_id, type, amount_micros, currency, created_at)
    select m.transfer_id, s.account, 'provider_cost', s.amount, m.currency, m.occurred_at
      from moves m cross join lateral (values (m.cost_id, -m.amount_micros), (m.payable_id, m.amount_micros)) s (account, amount)
  )
  select count(*) into posted from moves;
  return posted;
end $$;
`,
);
