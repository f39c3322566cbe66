import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { AttemptStatus, PaymentStatus } from '../../../domain/payment.ts';
import type { RefundCause, RefundStatus } from '../../../domain/refund.ts';

export const PaymentRow = defineEntity({
  name: 'PaymentRow',
  tableName: 'payments',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    attemptId: p.uuid(),
    gateway: p.text(),
    gatewayPaymentId: p.text(),
    amountMicros: p.bigint('bigint'),
    currency: p.text(),
    status: p.text().$type<PaymentStatus>(),
    checkoutUrl: p.text(),
    failureReason: p.text(),
    createdAt: p.datetime(),
    settledAt: p.datetime().nullable(),
  },
});
export type PaymentRow = InferEntity<typeof PaymentRow>;

export const AttemptRow = defineEntity({
  name: 'AttemptRow',
  tableName: 'payment_attempts',
  properties: {
    id: p.uuid().primary(),
    paymentId: p.uuid(),
    tenantId: p.uuid(),
    ordinal: p.integer(),
    gateway: p.text(),
    status: p.text().$type<AttemptStatus>(),
    nextCheckAt: p.datetime(),
    checkedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});

export const RefundRow = defineEntity({
  name: 'RefundRow',
  tableName: 'refunds',
  properties: {
    id: p.uuid().primary(),
    attemptId: p.uuid(),
    cause: p.text().$type<RefundCause>(),
    status: p.text().$type<RefundStatus>(),
    gatewayRefundId: p.text(),
    nextCheckAt: p.datetime(),
  },
});

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

export const paymentEntities = [PaymentRow, AttemptRow, RefundRow, NotificationRow];
