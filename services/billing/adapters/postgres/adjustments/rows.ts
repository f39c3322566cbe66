import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { AdjustmentReason, AdjustmentStatus } from '../../../domain/adjustment.ts';

export const AdjustmentRow = defineEntity({
  name: 'AdjustmentRow',
  tableName: 'adjustments',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    currency: p.text(),
    amountMicros: p.bigint('bigint'),
    reason: p.text().$type<AdjustmentReason>(),
    note: p.text(),
    status: p.text().$type<AdjustmentStatus>(),
    refundOf: p.uuid().nullable(),
    proposedBy: p.text(),
    proposedAt: p.datetime(),
    expiresAt: p.datetime(),
    decidedBy: p.text().nullable(),
    decisionNote: p.text(),
    decidedAt: p.datetime().nullable(),
    transferId: p.uuid().nullable(),
    version: p.bigint('bigint'),
    idempotencyKey: p.text(),
    requestHash: p.blob(),
  },
});
export type AdjustmentRow = InferEntity<typeof AdjustmentRow>;
