import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { BudgetInterval } from '../../../domain/budget.ts';
import type { AlertDirection, AlertMetric, AlertRecurrence } from '../../../domain/usage-alerts.ts';

export const BudgetRow = defineEntity({
  name: 'BudgetRow',
  tableName: 'budgets',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    name: p.text(),
    interval: p.text().$type<BudgetInterval>(),
    product: p.text(),
    currency: p.text(),
    amountMicros: p.bigint('bigint'),
    hard: p.boolean(),
    zone: p.text(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});

export const UsageAlertRow = defineEntity({
  name: 'UsageAlertRow',
  tableName: 'usage_alerts',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    name: p.text(),
    metric: p.text().$type<AlertMetric>(),
    meter: p.text(),
    budgetId: p.uuid().nullable(),
    threshold: p.bigint('bigint'),
    direction: p.text().$type<AlertDirection>(),
    recurrence: p.text().$type<AlertRecurrence>(),
    enabled: p.boolean(),
    seenScope: p.text().nullable(),
    seenValue: p.bigint('bigint').nullable(),
    fired: p.bigint('bigint'),
    firedBefore: p.bigint('bigint'),
    lastFiredAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type UsageAlertRow = InferEntity<typeof UsageAlertRow>;

export const UsageAlertEventRow = defineEntity({
  name: 'UsageAlertEventRow',
  tableName: 'usage_alert_events',
  properties: {
    alertId: p.uuid().primary(),
    number: p.bigint('bigint').primary(),
    tenantId: p.uuid(),
    threshold: p.bigint('bigint'),
    value: p.bigint('bigint'),
    occurredAt: p.datetime(),
  },
});

export const usageEntities = [BudgetRow, UsageAlertRow, UsageAlertEventRow];
