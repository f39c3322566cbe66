import type { Database } from '#platform/postgres/index.ts';
import type { MarketStore } from '../../../app/routing/ports.ts';

/** Due and not in another replica's hands. */
const claimSql = `
insert into provider_states as p (provider, market_due_at, market_leased_until) values ($1, $2, $3)
on conflict (provider) do update set market_leased_until = $3
where p.market_due_at <= $2 and (p.market_leased_until is null or p.market_leased_until <= $2)
returning provider`;

const releaseSql = `
update provider_states set market_leased_until = null, market_due_at = $2, balance_micros = coalesce($3, balance_micros),
  balance_at = coalesce($4, balance_at), market_at = coalesce($5, market_at)
where provider = $1`;

/** A country's list in place of the one before: rows that are the same are not touched, those that are named no more sell out. */
const replaceSql = `
with listed as (
  select distinct on (service) * from unnest($3::text[], $4::bigint[], $5::int[]) as l (service, cost_micros, stock) order by service, cost_micros
), gone as (
  update market_offers set stock = 0, changed_at = now()
  where provider = $1 and country = $2 and stock > 0 and not exists (select 1 from listed where listed.service = market_offers.service)
)
insert into market_offers as o (provider, country, service, cost_micros, stock, changed_at)
select $1, $2, service, cost_micros, stock, now() from listed order by service
on conflict (provider, country, service) do update set cost_micros = excluded.cost_micros, stock = excluded.stock, changed_at = now()
where (o.cost_micros, o.stock) is distinct from (excluded.cost_micros, excluded.stock)`;

/** Price lists and balances in PostgreSQL. */
export const createMarketStore = (db: Database): MarketStore => ({
  claim: async (provider, now, until) => (await db.query(claimSql, [provider, now, until])).length > 0,
  release: async (provider, { balance, readAt, dueAt }) => {
    await db.query(releaseSql, [provider, dueAt, balance?.micros ?? null, balance?.at ?? null, readAt ?? null]);
  },
  replace: async (provider, country, offers) => {
    const column = <T>(of: (offer: (typeof offers)[number]) => T): T[] => offers.map(of);
    await db.query(replaceSql, [
      ...[provider, country, column(({ service }) => service), column(({ costMicros }) => costMicros), column(({ stock }) => stock)],
    ]);
  },
});
