import { appError } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import { type Database, decodeCursor, encodeCursor, type Queryable, withIdempotency } from '#platform/postgres/index.ts';
import type { Claimed, Ending, WebhookDeliveries } from '../../../app/webhooks/ports.ts';
import type { WebhookDelivery } from '../../../domain/webhooks/delivery.ts';
import { addDelivery } from '../deliveries.ts';
import { WebhookAttemptRow, WebhookDeliveryRow } from '../rows.ts';
import { claimDue } from './claim.ts';
import { postgresFanOut } from './fan-out.ts';

/**
 * One statement: the attempt, the delivery if the claim still stands, and the health of the endpoint only where it turns.
 * A worker that comes back late has its attempt noted and changes nothing else.
 */
const endSql = `with mine as (
  update webhook_deliveries set status = $4, next_attempt_at = $5, ended_at = case when $4 = 'pending' then null else $6::timestamptz end,
    leased_until = null, last_status = $8, last_error = $9
  where id = $1 and tenant_id = $2 and attempts = $3 and status = 'pending' and leased_until is not null returning endpoint_id
), noted as (
  insert into webhook_attempts (id, tenant_id, delivery_id, number, started_at, latency_ms, status, error, answer)
  select $10, $2, d.id, $3, $7, $11, $8, $9, $12 from webhook_deliveries d where d.id = $1 and d.tenant_id = $2
  on conflict (delivery_id, number) do nothing
)
update webhook_endpoints e set failing_since = case when $4 = 'delivered' then null else $6::timestamptz end
from mine where e.id = mine.endpoint_id and e.tenant_id = $2 and (e.failing_since is null) <> ($4 = 'delivered')`;

const standing = `where id = $1 and tenant_id = $2 and attempts = $3 and status = 'pending' and leased_until is not null`;
const completeSql = `update webhook_deliveries set body = $4, complete = true ${standing} returning 1`;
const postponeSql = `update webhook_deliveries set tries = tries - 1, next_attempt_at = $4, leased_until = null ${standing}`;

/** "failing" only while it has been since then: a success meanwhile has the last word. The database knows microseconds, $5 does not. */
const disableSql = `update webhook_endpoints set enabled = false, disabled_reason = $3, updated_at = $4
where id = $1 and tenant_id = $2 and enabled and deleted_at is null and ($3 = 'gone' or date_trunc('milliseconds', failing_since) <= $5) returning url`;

const retrySql = `update webhook_deliveries set status = 'pending', replayed = false, tries = 0, next_attempt_at = $4, leased_until = null, ended_at = null
where id = $1 and tenant_id = $2 and endpoint_id = $3 and (leased_until is null or leased_until <= $4)`;
const replaySql = `with chosen as (
  select id from webhook_deliveries where tenant_id = $1 and endpoint_id = $2 and created_at >= $3 and created_at < $4
    and status <> 'pending' and ($5::text is null or status = $5) and (cardinality($6::text[]) = 0 or event_type = any($6))
  order by created_at limit $8 + 1
), changed as (
  update webhook_deliveries d set status = 'pending', replayed = true, tries = 0, next_attempt_at = $7, leased_until = null, ended_at = null
  from chosen c where d.id = c.id and d.status <> 'pending' and (select count(*) from chosen) <= $8 returning 1
)
select (select count(*) from chosen) as found, (select count(*) from changed) as changed`;

const portion = 1_000;
const forsakeSql = `with silent as (
  select d.id from webhook_endpoints e cross join lateral (
    select id from webhook_deliveries where endpoint_id = e.id and status = 'pending' and (leased_until is null or leased_until <= $1)
    limit ${portion} for update skip locked) d
  where e.deleted_at is not null or not e.enabled limit ${portion}
), ended as (
  update webhook_deliveries set status = 'failed', next_attempt_at = null, leased_until = null, ended_at = $1, last_error = 'the endpoint is switched off'
  where id in (select id from silent) returning 1
) select count(*) from ended`;
const expireSql = `with gone as (
  delete from webhook_deliveries where id in (select id from webhook_deliveries where ended_at < $1 limit ${portion}) returning 1
) select count(*) from gone`;
const purgeSql = `with gone as (
  delete from webhook_deliveries where id in (
    select d.id from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id and d.tenant_id = e.tenant_id
    where e.deleted_at is not null and d.status <> 'pending' limit ${portion}) returning 1
) select count(*) from gone`;
const dropSql = `with gone as (
  delete from webhook_endpoints e where e.deleted_at is not null
    and not exists (select from webhook_deliveries d where d.endpoint_id = e.id and d.tenant_id = e.tenant_id) returning 1
) select count(*) from gone`;
const oldestSql = `select extract(epoch from $1 - min(d.next_attempt_at))::float8 as seconds
from webhook_endpoints e cross join lateral (
  select next_attempt_at from webhook_deliveries where endpoint_id = e.id and status = 'pending' order by next_attempt_at limit 1) d
where e.enabled and e.deleted_at is null and d.next_attempt_at <= $1`;

const toDelivery = (row: WebhookDeliveryRow): WebhookDelivery => ({
  id: row.id,
  tenantId: row.tenantId,
  endpointId: row.endpointId,
  eventId: row.eventId,
  eventType: row.eventType,
  body: row.body,
  status: row.status,
  attempts: row.attempts,
  nextAttemptAt: row.nextAttemptAt ?? undefined,
  lastStatus: row.lastStatus,
  lastError: row.lastError,
  createdAt: row.createdAt,
  endedAt: row.endedAt ?? undefined,
});

const beforeId = (cursor: string): string | undefined => {
  const [id] = decodeCursor(cursor, 1) ?? [];
  if (id === undefined || (typeof id === 'string' && isUuid(id))) return id;
  throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
};

const note = async (tx: Queryable, { id, tenantId, attempts }: Claimed, { status, nextAttemptAt, at, attempt }: Ending): Promise<void> => {
  const params = [
    ...[id, tenantId, attempts, status, nextAttemptAt ?? null, at, attempt.startedAt, attempt.status],
    ...[attempt.error, newId(), attempt.latencyMs, attempt.answer],
  ];
  await tx.query(endSql, params, { name: 'webhook-end' });
};

export const postgresWebhookDeliveries = (db: Database): WebhookDeliveries => {
  const find = async (tenantId: string, endpointId: string, id: string): Promise<WebhookDelivery | undefined> => {
    const row = await db.em().findOne(WebhookDeliveryRow, { tenantId, endpointId, id });
    return row === null ? undefined : toDelivery(row);
  };
  const count = async (sql: string, params: readonly unknown[] = []): Promise<number> =>
    Number((await db.query<{ count: bigint }>(sql, params))[0]?.count ?? 0n);
  return {
    find,
    addTest: async (delivery, at, { key, request }) => {
      const { tenantId } = delivery.event;
      const { id } = await db.transaction((tx) =>
        withIdempotency(tx, { tenantId, operation: 'webhook.test', key, request }, async () => {
          await postgresFanOut(tx).add([delivery], at);
          return { id: delivery.id };
        }),
      );
      const added = await find(tenantId, delivery.endpointId, id);
      if (added === undefined) throw appError('request.not_found');
      return added;
    },
    claim: (now, leaseUntil, places) => db.transaction((tx) => claimDue(tx, now, leaseUntil, places)),
    complete: async ({ id, tenantId, attempts }, body) =>
      (await db.query(completeSql, [id, tenantId, attempts, body], { name: 'webhook-complete' })).length === 1,
    postpone: async ({ id, tenantId, attempts }, until) => {
      await db.query(postponeSql, [id, tenantId, attempts, until]);
    },
    end: async (claimed, ending) => {
      const { disable, at } = ending;
      if (disable === undefined) {
        await note(db, claimed, ending);
        return false;
      }
      return db.transaction(async (tx) => {
        await note(tx, claimed, ending);
        const { endpointId, tenantId } = claimed;
        const [off] = await tx.query<{ url: string }>(disableSql, [endpointId, tenantId, disable, at, claimed.failingSince ?? null]);
        if (off === undefined) return false;
        // The host only: paths of such addresses often hold a token.
        const facts = { host: new URL(off.url).host, reason: disable };
        const mail = { id: newId(), tenantId, kind: 'webhook.endpoint_disabled', subjectId: endpointId, facts } as const;
        await addDelivery(tx, { ...mail, eventId: newId(), createdAt: at });
        return true;
      });
    },
    list: async (tenantId, endpointId, { status, eventType, from, to, limit, cursor }) => {
      const before = beforeId(cursor);
      const rows = await db.em().find(
        WebhookDeliveryRow,
        {
          ...{ tenantId, endpointId },
          ...(before !== undefined && { id: { $lt: before } }),
          ...(status !== undefined && { status }),
          ...(eventType !== undefined && { eventType }),
          ...((from ?? to) !== undefined && { createdAt: { ...(from && { $gte: from }), ...(to && { $lt: to }) } }),
        },
        { orderBy: { id: 'desc' }, limit: limit + 1 },
      );
      const deliveries = rows.slice(0, limit).map(toDelivery);
      return { deliveries, nextCursor: rows.length > limit ? encodeCursor([deliveries.at(-1)?.id ?? null]) : '' };
    },
    attempts: async (tenantId, id) =>
      (await db.em().find(WebhookAttemptRow, { tenantId, deliveryId: id }, { orderBy: { number: 'asc' } })).map(
        ({ number, startedAt, latencyMs, status, error, answer }) => ({ number, startedAt, latencyMs, status, error, answer }),
      ),
    retry: async (tenantId, endpointId, id, at) => {
      await db.query(retrySql, [id, tenantId, endpointId, at]);
      return find(tenantId, endpointId, id);
    },
    replay: async (tenantId, endpointId, { from, to, eventTypes, status }, at, most) => {
      const params = [tenantId, endpointId, from, to, status ?? null, eventTypes, at, most];
      const [row] = await db.query<{ found: bigint; changed: bigint }>(replaySql, params);
      if (Number(row?.found ?? 0n) > most)
        throw appError('request.invalid', { fields: [{ field: 'to', reason: `selects more than ${most} deliveries` }] });
      return Number(row?.changed ?? 0n);
    },
    sweep: async (before, now) => {
      let touched = await count(forsakeSql, [now]);
      touched += await count(expireSql, [before]);
      touched += await count(purgeSql);
      return touched + (await count(dropSql));
    },
    oldestDueSeconds: async (now) => (await db.query<{ seconds: number | null }>(oldestSql, [now]))[0]?.seconds ?? 0,
  };
};
