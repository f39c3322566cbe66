import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { HoldState } from '../../domain/hold.ts';
import type { Product, SystemAccountKind } from '../../domain/ledger.ts';
import type { PaymentStatus } from '../../domain/payment.ts';

/** Rows that are read and written through the EntityManager; the ledger's own tables change only by its functions. */
export const AccountRow = defineEntity({
  name: 'AccountRow',
  tableName: 'accounts',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid().nullable(),
    kind: p.text().$type<'wallet' | SystemAccountKind>(),
    currency: p.text(),
    balanceMicros: p.bigint('bigint'),
    heldMicros: p.bigint('bigint'),
  },
});

export const HoldRow = defineEntity({
  name: 'HoldRow',
  tableName: 'holds',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    state: p.text().$type<HoldState>(),
    amountMicros: p.bigint('bigint'),
    capturedMicros: p.bigint('bigint'),
    currency: p.text(),
    product: p.text().$type<Product>(),
    reference: p.text(),
    description: p.text(),
    expiresAt: p.datetime(),
    createdAt: p.datetime(),
  },
});
export type HoldRow = InferEntity<typeof HoldRow>;

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

export const entities = [AccountRow, HoldRow, PaymentRow, NotificationRow];
