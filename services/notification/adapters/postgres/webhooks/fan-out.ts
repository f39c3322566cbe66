import type { Queryable } from '#platform/postgres/index.ts';
import type { FanOut } from '../../../app/webhooks/ports.ts';

const subscribersSql = `select id, tenant_id, event_types from webhook_endpoints
where tenant_id = any($1::uuid[]) and deleted_at is null and (enabled or (disabled_reason in ('failing', 'gone') and updated_at > $2)) order by id`;
const addSql = `insert into webhook_deliveries (id, tenant_id, endpoint_id, event_id, event_type, body, complete, next_attempt_at, created_at)
select *, $8::timestamptz, $8::timestamptz from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[], $7::boolean[])
on conflict (endpoint_id, event_id) do nothing`;
/** Whoever creates or enables an endpoint of a tenant, or fits them to a plan, waits for the others: so the limit holds. */
const lockSql = `select pg_advisory_xact_lock(hashtextextended('webhook-endpoints:' || $1, 0))`;
export const lockEndpoints = async (tx: Queryable, tenantId: string): Promise<void> => {
  await tx.query(lockSql, [tenantId]);
};

const keepOnlySql = `update webhook_endpoints set enabled = false, disabled_reason = 'plan', updated_at = $3
where tenant_id = $1 and id in
  (select id from webhook_endpoints where tenant_id = $1 and enabled and deleted_at is null order by id offset $2)`;
const restoreSql = `update webhook_endpoints set enabled = true, disabled_reason = '', updated_at = $3
where tenant_id = $1 and id in
  (select id from webhook_endpoints where tenant_id = $1 and disabled_reason = 'plan' and deleted_at is null order by id
   limit greatest(0, $2 - (select count(*) from webhook_endpoints where tenant_id = $1 and enabled and deleted_at is null)))`;

/** In the transaction of a consumer. */
export const postgresFanOut = (tx: Queryable): FanOut => ({
  subscribers: async (tenantIds, since) =>
    (
      await tx.query<{ id: string; tenant_id: string; event_types: string[] }>(subscribersSql, [tenantIds, since], {
        name: 'webhook-subscribers',
      })
    ).map((row) => ({ id: row.id, tenantId: row.tenant_id, eventTypes: row.event_types })),
  add: async (deliveries, at) => {
    await tx.query(
      addSql,
      [
        deliveries.map(({ id }) => id),
        deliveries.map(({ event }) => event.tenantId),
        deliveries.map(({ endpointId }) => endpointId),
        deliveries.map(({ event }) => event.eventId),
        deliveries.map(({ event }) => event.type),
        deliveries.map(({ body }) => body),
        deliveries.map(({ complete }) => complete),
        at,
      ],
      { name: 'webhook-add' },
    );
  },
  fit: async (tenantId, limit, at) => {
    await lockEndpoints(tx, tenantId);
    await tx.query(keepOnlySql, [tenantId, limit, at]);
    await tx.query(restoreSql, [tenantId, limit, at]);
  },
});
