import type { EntityDictionary } from '@mikro-orm/core';
import { appError } from '#platform/errors/index.ts';
import { type Database, type Queryable, withIdempotency } from '#platform/postgres/index.ts';
import type { Endpoints, WithSecret } from '../../../app/webhooks/ports.ts';
import { type Endpoint, maxEndpoints } from '../../../domain/webhooks/endpoint.ts';
import { WebhookEndpointRow } from '../rows.ts';
import { lockEndpoints } from './fan-out.ts';

const countSql = `select count(*) filter (where enabled) as enabled, count(*) as all
from webhook_endpoints where tenant_id = $1 and id <> $2 and deleted_at is null`;
const insertSql = `insert into webhook_endpoints (id, tenant_id, url, description, event_types, secret, served_at, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $7, $7)`;
const findSql = 'select * from webhook_endpoints where tenant_id = $1 and id = $2 and deleted_at is null';
const updateSql = `update webhook_endpoints set
  url = coalesce($3, url), description = coalesce($4, description), event_types = coalesce($5, event_types), updated_at = $7,
  enabled = coalesce($6, enabled),
  disabled_reason = case when $6 is null or $6 = enabled then disabled_reason when $6 then '' else 'user' end,
  -- Another address, or another beginning: what failed before says nothing about it.
  failing_since = case when ($6 and not enabled) or $3 <> url then null else failing_since end
where tenant_id = $1 and id = $2 and deleted_at is null returning *`;
const removeSql = `update webhook_endpoints set deleted_at = $3, updated_at = $3 where tenant_id = $1 and id = $2 and deleted_at is null returning 1`;
const rotateSql = `update webhook_endpoints set secret = $3, updated_at = $4::timestamptz,
  previous_secret = case when $5::timestamptz > $4::timestamptz then secret end, previous_secret_until = case when $5::timestamptz > $4::timestamptz then $5::timestamptz end
where tenant_id = $1 and id = $2`;

const toEndpoint = (row: WebhookEndpointRow): Endpoint => ({
  id: row.id,
  tenantId: row.tenantId,
  url: row.url,
  description: row.description,
  eventTypes: row.eventTypes,
  enabled: row.enabled,
  disabledReason: row.disabledReason,
  failingSince: row.failingSince ?? undefined,
  previousSecretUntil: row.previousSecretUntil ?? undefined,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

export const postgresEndpoints = (db: Database): Endpoints => {
  type Raw = EntityDictionary<WebhookEndpointRow>;
  const map = (raw: Raw): WebhookEndpointRow => db.em().map(WebhookEndpointRow, raw);
  const withSecret = async (tx: Queryable, tenantId: string, id: string, lock = ''): Promise<WithSecret | undefined> => {
    const [raw] = await tx.query<Raw>(findSql + lock, [tenantId, id]);
    if (raw === undefined) return undefined;
    const row = map(raw);
    return { endpoint: toEndpoint(row), secret: row.secret };
  };
  const requireRoom = async (tx: Queryable, tenantId: string, id: string, limit: number): Promise<void> => {
    await lockEndpoints(tx, tenantId);
    const [row] = await tx.query<{ enabled: bigint; all: bigint }>(countSql, [tenantId, id]);
    if (Number(row?.enabled ?? 0n) >= limit || Number(row?.all ?? 0n) >= maxEndpoints)
      throw appError('webhook.limit_reached', { meta: { limit: String(limit) } });
  };
  return {
    create: ({ id, tenantId, url, description, eventTypes, secret, at }, limit, { key, request }) =>
      db.transaction(async (tx) => {
        const created = await withIdempotency(tx, { tenantId, operation: 'webhook.create', key, request }, async () => {
          await requireRoom(tx, tenantId, id, limit);
          await tx.query(insertSql, [id, tenantId, url, description, eventTypes, secret, at]);
          return { id };
        });
        const found = await withSecret(tx, tenantId, created.id);
        // Deleted since the first time.
        if (found === undefined) throw appError('request.not_found');
        return found;
      }),
    find: async (tenantId, id) => {
      const row = await db.em().findOne(WebhookEndpointRow, { tenantId, id, deletedAt: null });
      return row === null ? undefined : toEndpoint(row);
    },
    list: async (tenantId) =>
      (await db.em().find(WebhookEndpointRow, { tenantId, deletedAt: null }, { orderBy: { id: 'asc' } })).map(toEndpoint),
    update: (tenantId, id, { url, description, eventTypes, enabled }, limit, at) =>
      db.transaction(async (tx) => {
        // Before the row, as everybody who needs both.
        if (enabled === true) await lockEndpoints(tx, tenantId);
        const before = await withSecret(tx, tenantId, id, ' for no key update');
        if (before === undefined) return undefined;
        if (enabled === true && !before.endpoint.enabled) await requireRoom(tx, tenantId, id, limit);
        const params = [tenantId, id, url ?? null, description ?? null, eventTypes ?? null, enabled ?? null, at];
        const [raw] = await tx.query<Raw>(updateSql, params);
        return raw === undefined ? undefined : toEndpoint(map(raw));
      }),
    remove: async (tenantId, id, at) => (await db.query(removeSql, [tenantId, id, at])).length === 1,
    rotate: (tenantId, id, { secret, overlapUntil, at }, { key, request }) =>
      db.transaction(async (tx) => {
        const before = await withSecret(tx, tenantId, id, ' for no key update');
        if (before === undefined) return undefined;
        await withIdempotency(tx, { tenantId, operation: 'webhook.rotate', key, request }, async () => {
          const { previousSecretUntil } = before.endpoint;
          if (overlapUntil > at && previousSecretUntil !== undefined && previousSecretUntil > at)
            throw appError('webhook.rotation_in_progress', { retryAfterMs: previousSecretUntil.getTime() - at.getTime() });
          await tx.query(rotateSql, [tenantId, id, secret, at, overlapUntil]);
          return { id };
        });
        return withSecret(tx, tenantId, id);
      }),
  };
};
