import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { DocumentKind } from '../../../domain/documents/document.ts';

export const BillingDetailsRow = defineEntity({
  name: 'BillingDetailsRow',
  tableName: 'billing_details',
  properties: {
    tenantId: p.uuid().primary(),
    name: p.text(),
    address: p.array(),
    country: p.text(),
    taxId: p.text(),
    timeZone: p.text(),
    updatedBy: p.text(),
    updatedAt: p.datetime(),
  },
});

export const BillingScheduleRow = defineEntity({
  name: 'BillingScheduleRow',
  tableName: 'billing_schedules',
  properties: {
    walletId: p.uuid().primary(),
    tenantId: p.uuid(),
    currency: p.text(),
    periodFrom: p.datetime(),
    periodTo: p.datetime(),
    lastSequence: p.bigint('bigint'),
  },
});
export type BillingScheduleRow = InferEntity<typeof BillingScheduleRow>;

export const DocumentRow = defineEntity({
  name: 'DocumentRow',
  tableName: 'documents',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    kind: p.text().$type<DocumentKind>(),
    issuer: p.text(),
    year: p.integer(),
    sequence: p.bigint('bigint'),
    number: p.text(),
    paymentId: p.uuid().nullable(),
    currency: p.text(),
    totalMicros: p.bigint('bigint'),
    content: p.text(),
    contentHash: p.blob(),
    issuedAt: p.datetime(),
  },
});
export type DocumentRow = InferEntity<typeof DocumentRow>;

export const documentEntities = [BillingDetailsRow, BillingScheduleRow, DocumentRow];
