import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { planEntities } from './plans/rows.ts';
import type { PaymentStatus } from '../../domain/payment.ts';
import { AdjustmentRow } from './adjustments/rows.ts';
import { documentEntities } from './documents/rows.ts';
import { ledgerEntities } from './ledger/rows.ts';
import { priceEntities } from './prices/rows.ts';
import { usageEntities } from './usage/rows.ts';

export const PaymentRow = defineEntity({
  name: 'PaymentRow',
  tableName: 'payments',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    gateway: p.text(),
    gatewayPaymentId: p.text(),
    amountMicros: p.bigint('bigint'),
    currency: p.text(),
    status: p.text().$type<PaymentStatus>(),
    checkoutUrl: p.text(),
    failureReason: p.text(),
    nextCheckAt: p.datetime(),
    checkedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    settledAt: p.datetime().nullable(),
  },
});
export type PaymentRow = InferEntity<typeof PaymentRow>;

export const NotificationRow = defineEntity({
  name: 'NotificationRow',
  tableName: 'payment_events',
  properties: {
    id: p.uuid().primary(),
    gateway: p.text(),
    eventId: p.text(),
    nextAttemptAt: p.datetime(),
    attempts: p.integer(),
    processedAt: p.datetime().nullable(),
    result: p.text(),
  },
});

export const entities = [
  ...ledgerEntities,
  ...priceEntities,
  ...planEntities,
  ...usageEntities,
  AdjustmentRow,
  ...documentEntities,
  PaymentRow,
  NotificationRow,
];
