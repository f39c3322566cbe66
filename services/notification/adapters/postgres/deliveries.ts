import type { EntityDictionary } from '@mikro-orm/core';
import { type Database, decodeCursor, encodeCursor, type Queryable } from '#platform/postgres/index.ts';
import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Deliveries, NewDelivery } from '../../app/ports.ts';
import type { Delivery } from '../../domain/delivery.ts';
import { DeliveryRow } from './rows.ts';

const addSql = `insert into deliveries (id, tenant_id, kind, subject_id, event_id, next_attempt_at, created_at, facts)
values ($1, $2, $3, $4, $5, $6, $6, $7) on conflict (event_id, kind) do nothing`;

/** The claim moves next_attempt_at to the end of the lease: a sender that dies needs nobody to clean up after it. */
const claimSql = `update deliveries set attempts = attempts + 1, next_attempt_at = $2
where id in (select id from deliveries where status = 'pending' and next_attempt_at <= $1 order by next_attempt_at limit $3 for update skip locked)
returning *`;

const finishSql = `update deliveries set status = $4, ended_at = $5, next_attempt_at = null, recipient_masked = coalesce($6, recipient_masked), last_error = $7
where id = $1 and tenant_id = $2 and attempts = $3 and status = 'pending'`;
const retrySql = `update deliveries set next_attempt_at = $4, last_error = $5
where id = $1 and tenant_id = $2 and attempts = $3 and status = 'pending'`;
const sweepSql = `with gone as (delete from deliveries where id in (select id from deliveries where ended_at < $1 limit 1000) returning 1) select count(*) from gone`;

const toDelivery = (row: DeliveryRow): Delivery => ({
  id: row.id,
  tenantId: row.tenantId,
  kind: row.kind,
  subjectId: row.subjectId,
  facts: row.facts,
  status: row.status,
  attempts: row.attempts,
  recipientMasked: row.recipientMasked,
  createdAt: row.createdAt,
  sentAt: row.status === 'sent' ? (row.endedAt ?? undefined) : undefined,
});

/** For the consumer's transaction. */
export const addDelivery = async (
  tx: Queryable,
  { id, tenantId, kind, subjectId, eventId, createdAt, facts }: NewDelivery,
): Promise<void> => {
  await tx.query(addSql, [id, tenantId, kind, subjectId, eventId, createdAt, JSON.stringify(facts)]);
};

const beforeId = (cursor: string): string | undefined => {
  const [id] = decodeCursor(cursor, 1) ?? [];
  if (id === undefined) return undefined;
  if (typeof id === 'string' && isUuid(id)) return id;
  throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
};

export const postgresDeliveries = (db: Database): Deliveries => ({
  add: (delivery) => addDelivery(db, delivery),
  claimDue: async (now, leaseUntil, limit) => {
    const claimed = await db.query<EntityDictionary<DeliveryRow>>(claimSql, [now, leaseUntil, limit]);
    const em = db.em();
    return claimed.map((row) => toDelivery(em.map(DeliveryRow, row)));
  },
  finish: async ({ id, tenantId, attempts }, status, at, { recipientMasked, reason }) => {
    await db.query(finishSql, [id, tenantId, attempts, status, at, recipientMasked ?? null, reason ?? null]);
  },
  retry: async ({ id, tenantId, attempts }, at, reason) => {
    await db.query(retrySql, [id, tenantId, attempts, at, reason]);
  },
  list: async (tenantId, { limit, cursor }) => {
    // UUIDv7: the order of ids is the order of creation.
    const before = beforeId(cursor);
    const rows = await db
      .em()
      .find(
        DeliveryRow,
        { tenantId, ...(before === undefined ? {} : { id: { $lt: before } }) },
        { orderBy: { id: 'desc' }, limit: limit + 1 },
      );
    const deliveries = rows.slice(0, limit).map(toDelivery);
    return { deliveries, nextCursor: rows.length > limit ? encodeCursor([deliveries.at(-1)?.id ?? null]) : '' };
  },
  sweep: async (before) => Number((await db.query<{ count: bigint }>(sweepSql, [before]))[0]?.count ?? 0n),
});
