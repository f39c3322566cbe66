import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { DeliveryKind, DeliveryStatus, Facts } from '../../domain/delivery.ts';

/** One row of `deliveries`. */
export const DeliveryRow = defineEntity({
  name: 'DeliveryRow',
  tableName: 'deliveries',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    kind: p.text().$type<DeliveryKind>(),
    subjectId: p.uuid(),
    facts: p.json<Facts>(),
    eventId: p.uuid(),
    status: p.text().$type<DeliveryStatus>(),
    attempts: p.integer(),
    nextAttemptAt: p.datetime().nullable(),
    recipientMasked: p.text(),
    lastError: p.text().nullable(),
    createdAt: p.datetime(),
    endedAt: p.datetime().nullable(),
  },
});
export type DeliveryRow = InferEntity<typeof DeliveryRow>;

export const entities = [DeliveryRow];
