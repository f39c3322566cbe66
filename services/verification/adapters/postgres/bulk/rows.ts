import { defineEntity, type InferEntity, p } from '@mikro-orm/postgresql';
import type { ErrorCode } from '#platform/errors/index.ts';
import type { Batch, BatchItem, BatchState, ItemState } from '../../../domain/bulk/batch.ts';

export const BatchRow = defineEntity({
  name: 'BatchRow',
  tableName: 'batches',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    idempotencyKey: p.text(),
    requestHash: p.text(),
    state: p.text().$type<BatchState>(),
    version: p.integer(),
    currency: p.text(),
    amountMicros: p.bigint('bigint'),
    actor: p.text(),
    holdId: p.uuid().nullable(),
    holdOpen: p.boolean(),
    cancelAskedAt: p.datetime().nullable(),
    reason: p.text().$type<ErrorCode>().nullable(),
    createdAt: p.datetime(),
    buyUntil: p.datetime(),
    endedAt: p.datetime().nullable(),
    dueAt: p.datetime().nullable(),
    attempts: p.integer(),
  },
});

export const BatchItemRow = defineEntity({
  name: 'BatchItemRow',
  tableName: 'batch_items',
  properties: {
    batchId: p.uuid().primary(),
    position: p.integer().primary(),
    tenantId: p.uuid(),
    service: p.text(),
    country: p.text(),
    capability: p.text(),
    operator: p.text(),
    areaCode: p.text(),
    excludedProviders: p.array(),
    preferredProviders: p.array(),
    priceMicros: p.bigint('bigint').nullable(),
    quoteId: p.uuid().nullable(),
    state: p.text().$type<ItemState>(),
    reason: p.text().$type<ErrorCode>().nullable(),
    verificationId: p.uuid().nullable(),
    attempts: p.integer(),
  },
});

export const bulkEntities = [BatchRow, BatchItemRow] as const;

/** Null of the database is undefined of the domain; all else has the same names. */
const present = <T>(value: T | null): T | undefined => value ?? undefined;

export const batchOf = (row: InferEntity<typeof BatchRow>): Batch => ({
  id: row.id,
  tenantId: row.tenantId,
  idempotencyKey: row.idempotencyKey,
  requestHash: row.requestHash,
  state: row.state,
  version: row.version,
  currency: row.currency,
  amountMicros: row.amountMicros,
  actor: row.actor,
  holdId: present(row.holdId),
  holdOpen: row.holdOpen,
  cancelAskedAt: present(row.cancelAskedAt),
  reason: present(row.reason),
  createdAt: row.createdAt,
  buyUntil: row.buyUntil,
  endedAt: present(row.endedAt),
  dueAt: present(row.dueAt),
  attempts: row.attempts,
});

export const itemOf = (row: InferEntity<typeof BatchItemRow>): BatchItem => ({
  batchId: row.batchId,
  position: row.position,
  tenantId: row.tenantId,
  service: row.service,
  country: row.country,
  capability: row.capability,
  operator: row.operator,
  areaCode: row.areaCode,
  excludedProviders: row.excludedProviders,
  preferredProviders: row.preferredProviders,
  priceMicros: present(row.priceMicros),
  quoteId: present(row.quoteId),
  state: row.state,
  reason: present(row.reason),
  verificationId: present(row.verificationId),
  attempts: row.attempts,
});
