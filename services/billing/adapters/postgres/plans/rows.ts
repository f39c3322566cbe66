import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Interval, PlanId } from '../../../domain/plans/plan.ts';

export const BilledPeriodRow = defineEntity({
  name: 'BilledPeriodRow',
  tableName: 'billed_periods',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    plan: p.text().$type<PlanId>(),
    interval: p.text().$type<Interval>(),
    startsAt: p.datetime(),
    endsAt: p.datetime(),
    amountMicros: p.bigint('bigint'),
    creditedMicros: p.bigint('bigint'),
    currency: p.text(),
    createdAt: p.datetime(),
  },
});
export type BilledPeriodRow = InferEntity<typeof BilledPeriodRow>;

export const PlanActRow = defineEntity({
  name: 'PlanActRow',
  tableName: 'plan_acts',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    previousPlan: p.text().$type<PlanId>(),
    plan: p.text().$type<PlanId>(),
    operator: p.text(),
    reason: p.text(),
    createdAt: p.datetime(),
  },
});

export const planEntities = [BilledPeriodRow, PlanActRow];
