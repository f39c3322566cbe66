import { events } from '#events';
import { publishEvent } from '#platform/messaging/index.ts';
import type { Database } from '#platform/postgres/index.ts';

export interface Announcing {
  readonly db: Database;
  readonly now: () => Date;
  /** Between two looks of all replicas together: that often it is told at most. */
  readonly everyMs: number;
  /** A price that has moved by more than this is told. */
  readonly pricePercent: number;
}

/** Of what concerns everybody. */
const nobody = '00000000-0000-0000-0000-000000000000';
/** With more than this in one look, everything may be another. */
const mostNamed = 200;

/** Whoever gets the row looks; the others come too early then. By the database's clock, as the market is. */
const claimSql = `
select number, looked_at from market_announcements where due_at <= now() for update skip locked`;

/**
 * Takes down as told what is different from what was told last, and returns it. Looks at what was written since the last look and a
 * little before (whoever was writing then), and at all offers of a provider that was paused or resumed. Never waits for who reads a price
 * list: what is being written at this moment is seen by the next look.
 */
const differentSql = `
with providers as (
  select p.provider, p.announced_open,
    p.paused_at is null and not exists (select 1 from policy_switches s where s.scope = 'provider' and s.target = p.provider) as open
  from provider_states p
), turned as (
  update provider_states p set announced_open = n.open from providers n
  where n.provider = p.provider and n.open is distinct from n.announced_open
  returning p.provider
), different as (
  select o.provider, o.country, o.service, o.cost_micros, now.open, was.open as was_open
  from market_offers o
  left join providers n on n.provider = o.provider
  cross join lateral (select coalesce(o.announced_open, false) as open) was
  cross join lateral (select o.stock > 0 and coalesce(n.open, true) as open) now
  where (o.changed_at >= $1::timestamptz - interval '20 seconds' or o.provider in (select provider from turned))
    and (now.open <> was.open or (now.open and abs(o.cost_micros - o.announced_cost_micros) * 100.0 > o.announced_cost_micros * $2::numeric))
  for update of o skip locked
)
update market_offers o set announced_open = l.open, announced_cost_micros = l.cost_micros
from different l
where (o.provider, o.country, o.service) = (l.provider, l.country, l.service)
returning o.service, o.country, o.provider, case when not l.open then 'gone' when not l.was_open then 'back' else 'price' end as change`;

const doneSql = `
update market_announcements set number = $1, looked_at = now(), due_at = now() + $2 * interval '1 millisecond'`;

interface Different {
  readonly service: string;
  readonly country: string;
  readonly provider: string;
  readonly change: string;
}

/**
 * Tells what has changed materially in the market since it was told last: in one transaction with the note of what was told, hence once,
 * whichever replica does it and whenever it dies. What goes and comes back between two looks is told by nobody.
 * @returns how many offers it told of
 */
export const announceMarket =
  ({ db, now, everyMs, pricePercent }: Announcing) =>
  (): Promise<number> =>
    db.transaction(async (tx) => {
      const [turn] = await tx.query<{ number: bigint; looked_at: Date }>(claimSql);
      if (turn === undefined) return 0;
      const different = await tx.query<Different>(differentSql, [turn.looked_at, pricePercent]);
      const number = turn.number + (different.length > 0 ? 1n : 0n);
      await tx.query(doneSql, [number, everyMs]);
      if (different.length === 0) return 0;
      const everything = different.length > mostNamed;
      const about = { tenantId: nobody, aggregateId: 'market', aggregateVersion: number, occurredAt: now() };
      await publishEvent(tx, events.verification.marketChanged, {
        ...about,
        payload: { everything, offers: everything ? [] : different.map((offer) => ({ ...offer })) },
      });
      return different.length;
    });
