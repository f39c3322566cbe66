import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { DisabledReason } from '../../domain/webhooks/endpoint.ts';
import type { WebhookStatus } from '../../domain/webhooks/delivery.ts';
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

/** One row of `webhook_endpoints`. */
export const WebhookEndpointRow = defineEntity({
  name: 'WebhookEndpointRow',
  tableName: 'webhook_endpoints',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    url: p.text(),
    description: p.text(),
    eventTypes: p.array(),
    enabled: p.boolean(),
    disabledReason: p.text().$type<DisabledReason>(),
    failingSince: p.datetime().nullable(),
    secret: p.blob(),
    previousSecret: p.blob().nullable(),
    previousSecretUntil: p.datetime().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    deletedAt: p.datetime().nullable(),
  },
});
export type WebhookEndpointRow = InferEntity<typeof WebhookEndpointRow>;

/** One row of `webhook_deliveries`. */
export const WebhookDeliveryRow = defineEntity({
  name: 'WebhookDeliveryRow',
  tableName: 'webhook_deliveries',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    endpointId: p.uuid(),
    eventId: p.uuid(),
    eventType: p.text(),
    body: p.blob(),
    complete: p.boolean(),
    status: p.text().$type<WebhookStatus>(),
    attempts: p.integer(),
    nextAttemptAt: p.datetime().nullable(),
    lastStatus: p.integer(),
    lastError: p.text(),
    createdAt: p.datetime(),
    endedAt: p.datetime().nullable(),
  },
});
export type WebhookDeliveryRow = InferEntity<typeof WebhookDeliveryRow>;

/** One row of `webhook_attempts`. */
export const WebhookAttemptRow = defineEntity({
  name: 'WebhookAttemptRow',
  tableName: 'webhook_attempts',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    deliveryId: p.uuid(),
    number: p.integer(),
    startedAt: p.datetime(),
    latencyMs: p.integer(),
    status: p.integer(),
    error: p.text(),
    answer: p.text(),
  },
});
export type WebhookAttemptRow = InferEntity<typeof WebhookAttemptRow>;

export const entities = [DeliveryRow, WebhookEndpointRow, WebhookDeliveryRow, WebhookAttemptRow];
