import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The provider's side of every activation, in a table of its own. The row is born in the very statement that ends the activation, whoever
 * writes that statement, so no end is ever without one; hence a trigger.
 */
export const providerSettlements = sqlMigration(
  '20261121-0060-provider-settlements',
  `
create table provider_settlements (
  verification_id uuid primary key,
  tenant_id uuid not null,
  provider text not null,
  activation_id text not null,
  service text not null,
  country text not null,
  currency text not null,
  cost_micros bigint not null,
  -- charged: a code came. claimed: it should cost nothing, the provider is being asked. refunded, lost: settled by the fact in evidence.
  state text not null check (state in ('charged', 'claimed', 'refunded', 'lost')),
  evidence text check ((evidence is not null) = (state in ('refunded', 'lost'))),
  ended_at timestamptz not null,
  due_at timestamptz check ((due_at is not null) = (state = 'claimed')),
  attempts integer not null default 0,
  leased_until timestamptz,
  settled_at timestamptz check ((settled_at is null) = (state = 'claimed'))
) with (fillfactor = 90);
create index provider_settlements_due on provider_settlements (due_at) where state = 'claimed';
create index provider_settlements_ended on provider_settlements (ended_at, provider, service);

create function open_provider_settlement() returns trigger language plpgsql as $$
begin
  insert into provider_settlements (verification_id, tenant_id, provider, activation_id, service, country, currency, cost_micros, state,
    ended_at, due_at, settled_at)
  values (new.id, new.tenant_id, new.provider, new.activation_id, new.service, new.country, new.currency,
    coalesce(new.provider_cost_micros, 0), case when new.state = 'completed' then 'charged' else 'claimed' end,
    coalesce(new.ended_at, now()),
    -- Most have just been cancelled there; the first question is not urgent.
    case when new.state = 'completed' then null else coalesce(new.ended_at, now()) + interval '30 seconds' end,
    case when new.state = 'completed' then coalesce(new.ended_at, now()) end)
  on conflict (verification_id) do nothing;
  return null;
end $$;
create trigger open_provider_settlement after update of state on verifications for each row
  when (new.state in ('completed', 'cancelled', 'expired') and old.state <> new.state and new.activation_id is not null)
  execute function open_provider_settlement();

-- What ended within the last day can still be claimed; what ended before, nobody can say any more.
insert into provider_settlements (verification_id, tenant_id, provider, activation_id, service, country, currency, cost_micros, state,
  ended_at, due_at, settled_at)
select id, tenant_id, provider, activation_id, service, country, currency, coalesce(provider_cost_micros, 0),
  case when state = 'completed' then 'charged' else 'claimed' end, ended_at,
  case when state <> 'completed' then now() end, case when state = 'completed' then ended_at end
from verifications
where state in ('completed', 'cancelled', 'expired') and activation_id is not null and ended_at > now() - interval '1 day';
`,
);
