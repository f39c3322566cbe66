/**
 * Who is next. First the endpoints, locked so that two workers never count the same one at once; then, in a second
 * statement that sees what the holder of the lock before did, their deliveries.
 */
import type { Queryable } from '#platform/postgres/index.ts';
import type { Claimed, Places } from '../../../app/webhooks/ports.ts';

/** Requests in flight to one endpoint; to one that fails, a single one at a time. */
const perEndpoint = 4;
/** A tenant that has so many in flight waits for their end before it gets another turn. */
const perTenant = 16;
/** Endpoints of one tenant in one turn. */
const perTurn = 4;

/**
 * The recursion jumps from endpoint to endpoint in the index of what waits, however much that is. Who has as many in flight as
 * he may is no candidate: he would take the turn of another and use it for nothing.
 */
const endpointsSql = `with recursive waiting (endpoint_id) as (
  (select endpoint_id from webhook_deliveries where status = 'pending' order by endpoint_id limit 1)
  union all
  select (select d.endpoint_id from webhook_deliveries d where d.status = 'pending' and d.endpoint_id > w.endpoint_id order by d.endpoint_id limit 1)
  from waiting w where w.endpoint_id is not null
), ranked as (
  select e.id, e.tenant_id, e.served_at, e.failing_since is not null as failing, row_number() over (partition by e.tenant_id order by e.served_at, e.id) as turn
  from waiting w join webhook_endpoints e on e.id = w.endpoint_id
  where e.enabled and e.deleted_at is null
    and exists (select from webhook_deliveries d where d.endpoint_id = e.id and d.status = 'pending' and d.next_attempt_at <= $1)
    and (select count(*) from webhook_deliveries f where f.tenant_id = e.tenant_id and f.endpoint_id = e.id and f.leased_until > $1)
      < case when e.failing_since is null then ${perEndpoint} else 1 end
), allowed as (
  select r.id, r.turn, r.served_at, r.failing, row_number() over (partition by r.failing order by r.turn, r.served_at) as place
  from ranked r where r.turn <= ${perTurn} and
    (select count(*) from webhook_deliveries f where f.tenant_id = r.tenant_id and f.leased_until > $1) < ${perTenant}
), chosen as (
  select id from allowed where not failing or place <= $3 order by turn, served_at limit $2
)
select e.id, e.tenant_id, e.failing_since is not null as failing from webhook_endpoints e
where e.id in (select id from chosen) and e.enabled and e.deleted_at is null for no key update skip locked`;

/** What is replayed comes after what happens now, but is not locked before it is needed: the second part is read only as far as the limit goes. */
const dueOf = (condition: string): string => `select id from (
      select due.id from webhook_deliveries due
      where due.endpoint_id = c.endpoint_id and due.status = 'pending' and ${condition} and due.next_attempt_at <= $3
      order by due.next_attempt_at, due.id limit c.bound for update skip locked) x`;

const claimSql = `with taken as (
  select d.id from unnest($1::uuid[], $2::int[], $5::uuid[]) as c (endpoint_id, bound, tenant_id) cross join lateral (
    ${dueOf('not due.replayed')}
    union all
    ${dueOf('due.replayed')}
    limit greatest(0, c.bound - (select count(*) from webhook_deliveries f where f.tenant_id = c.tenant_id and f.endpoint_id = c.endpoint_id and f.leased_until > $3))
  ) d
), served as (
  update webhook_endpoints set served_at = $3 where id = any($1::uuid[])
)
update webhook_deliveries d set attempts = attempts + 1, tries = tries + 1, next_attempt_at = $4, leased_until = $4
from taken t, webhook_endpoints e where d.id = t.id and e.id = d.endpoint_id
returning d.id, d.tenant_id, d.endpoint_id, d.event_id, d.event_type, d.body, d.complete, d.attempts, d.tries, d.created_at,
  e.url, e.failing_since, e.secret, case when e.previous_secret_until > $3 then e.previous_secret end as previous_secret`;

interface ClaimedRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly endpoint_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly body: Buffer;
  readonly complete: boolean;
  readonly attempts: number;
  readonly tries: number;
  readonly created_at: Date;
  readonly url: string;
  readonly failing_since: Date | null;
  readonly secret: Buffer;
  readonly previous_secret: Buffer | null;
}

const toClaimed =
  (leaseUntil: Date) =>
  (row: ClaimedRow): Claimed => ({
    id: row.id,
    tenantId: row.tenant_id,
    endpointId: row.endpoint_id,
    eventId: row.event_id,
    eventType: row.event_type,
    body: row.body,
    complete: row.complete,
    status: 'pending',
    attempts: row.attempts,
    tries: row.tries,
    nextAttemptAt: leaseUntil,
    lastStatus: 0,
    lastError: '',
    createdAt: row.created_at,
    endedAt: undefined,
    url: row.url,
    failingSince: row.failing_since ?? undefined,
    secrets: row.previous_secret === null ? [row.secret] : [row.secret, row.previous_secret],
  });

/** @param places at least 1 of them free */
export const claimDue = async (tx: Queryable, now: Date, leaseUntil: Date, { free, forFailing }: Places): Promise<readonly Claimed[]> => {
  const most = Math.max(1, Math.floor(free / perEndpoint));
  const endpoints = await tx.query<{ id: string; tenant_id: string; failing: boolean }>(endpointsSql, [now, most, forFailing], {
    name: 'webhook-endpoints-due',
  });
  if (endpoints.length === 0) return [];
  const bounds = endpoints.map(({ failing }) => (failing ? 1 : Math.min(perEndpoint, free)));
  const params = [endpoints.map(({ id }) => id), bounds, now, leaseUntil, endpoints.map((each) => each.tenant_id)];
  const rows = await tx.query<ClaimedRow>(claimSql, params, { name: 'webhook-claim' });
  return rows.map(toClaimed(leaseUntil)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
};
