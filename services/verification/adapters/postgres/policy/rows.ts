import { defineEntity, type InferEntity, p } from '@mikro-orm/postgresql';
import type { AbuseCategory, AbuseStatus, DecisionKind, KillSwitch, PolicyDecision, SwitchScope } from '../../../app/policy/ports.ts';
import type { PolicyClass } from '../../../domain/catalogue.ts';
import type { KycLevel } from '../../../domain/policy/rules.ts';

export const PolicyTenantRow = defineEntity({
  name: 'PolicyTenantRow',
  tableName: 'policy_tenants',
  properties: {
    tenantId: p.uuid().primary(),
    since: p.datetime(),
    kycLevel: p.smallint().$type<KycLevel>(),
    kycPurpose: p.text(),
    limits: p.json<Record<string, string>>(),
  },
});

export const PolicyUsageRow = defineEntity({
  name: 'PolicyUsageRow',
  tableName: 'policy_usage',
  properties: {
    tenantId: p.uuid().primary(),
    open: p.integer(),
    hour: p.datetime(),
    purchases: p.integer(),
    purchasesBefore: p.integer(),
    cancels: p.integer(),
    cancelsBefore: p.integer(),
    day: p.datetime(),
    spentMicros: p.bigint('bigint'),
    paid: p.integer(),
    paidBefore: p.integer(),
    unpaid: p.integer(),
    unpaidBefore: p.integer(),
    blockedUntil: p.datetime().nullable(),
    acknowledgements: p.integer(),
    acknowledgedSince: p.datetime().nullable(),
  },
});

export const PolicyClassRow = defineEntity({
  name: 'PolicyClassRow',
  tableName: 'policy_classes',
  properties: {
    tenantId: p.uuid().primary(),
    service: p.text().primary(),
    class: p.text().$type<PolicyClass>(),
    reason: p.text(),
    setBy: p.text(),
    setAt: p.datetime(),
  },
});

export const KillSwitchRow = defineEntity({
  name: 'KillSwitchRow',
  tableName: 'policy_switches',
  properties: {
    scope: p.text().$type<SwitchScope>().primary(),
    target: p.text().primary(),
    id: p.uuid(),
    reason: p.text(),
    setBy: p.text(),
    setAt: p.datetime(),
  },
});

export const PolicyDecisionRow = defineEntity({
  name: 'PolicyDecisionRow',
  tableName: 'policy_decisions',
  properties: {
    id: p.uuid().primary(),
    kind: p.text().$type<DecisionKind>(),
    tenantId: p.uuid().nullable(),
    reason: p.text(),
    service: p.text().nullable(),
    country: p.text().nullable(),
    provider: p.text().nullable(),
    verificationId: p.uuid().nullable(),
    actor: p.text().nullable(),
    note: p.text(),
    detail: p.json<Record<string, unknown>>(),
    firstAt: p.datetime(),
    at: p.datetime(),
    times: p.integer(),
  },
});

export const AbuseReportRow = defineEntity({
  name: 'AbuseReportRow',
  tableName: 'abuse_reports',
  properties: {
    id: p.uuid().primary(),
    status: p.text().$type<AbuseStatus>(),
    category: p.text().$type<AbuseCategory>(),
    numberHash: p.blob(),
    sealed: p.blob(),
    fingerprint: p.blob(),
    happenedAt: p.datetime().nullable(),
    receivedAt: p.datetime(),
    verificationId: p.uuid().nullable(),
    tenantId: p.uuid().nullable(),
    decidedBy: p.text().nullable(),
    decidedAt: p.datetime().nullable(),
    note: p.text(),
  },
});

export const policyEntities = [PolicyTenantRow, PolicyUsageRow, PolicyClassRow, KillSwitchRow, PolicyDecisionRow, AbuseReportRow] as const;

export const switchFromEntity = (row: InferEntity<typeof KillSwitchRow>): KillSwitch => ({
  id: row.id,
  scope: row.scope,
  target: row.target,
  reason: row.reason,
  setBy: row.setBy,
  setAt: row.setAt,
});

export const decisionFromEntity = (row: InferEntity<typeof PolicyDecisionRow>): PolicyDecision => ({
  id: row.id,
  kind: row.kind,
  tenantId: row.tenantId ?? undefined,
  reason: row.reason,
  service: row.service ?? undefined,
  country: row.country ?? undefined,
  provider: row.provider ?? undefined,
  verificationId: row.verificationId ?? undefined,
  actor: row.actor ?? undefined,
  note: row.note,
  detail: row.detail,
  firstAt: row.firstAt,
  at: row.at,
  times: row.times,
});
