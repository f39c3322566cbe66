import { defineEntity, type InferEntity, p } from '@mikro-orm/postgresql';
import { rentalEntities } from './rental/rows.ts';
import type { RouteTrace } from '../../domain/routing/trace.ts';
import type { State } from '../../domain/state.ts';
import type { Another, Reason, ReportReason, Verification } from '../../domain/verification.ts';
import { bulkEntities } from './bulk/rows.ts';
import { policyEntities } from './policy/rows.ts';
import { keyEntities } from './keys/rows.ts';
import { lateEntities } from './late/rows.ts';
import { routingEntities } from './routing/rows.ts';

export const VerificationRow = defineEntity({
  name: 'VerificationRow',
  tableName: 'verifications',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    idempotencyKey: p.text(),
    requestHash: p.text(),
    state: p.text().$type<State>(),
    version: p.integer(),
    service: p.text(),
    country: p.text(),
    capability: p.text(),
    operator: p.text(),
    areaCode: p.text(),
    currency: p.text(),
    priceMicros: p.bigint('bigint'),
    quoteId: p.uuid().nullable(),
    fromHoldId: p.uuid().nullable(),
    actor: p.text(),
    provider: p.text(),
    route: p.json().$type<RouteTrace>().nullable(),
    activationId: p.text().nullable(),
    providerCostMicros: p.bigint('bigint').nullable(),
    phoneNumber: p.text().nullable(),
    holdId: p.text().nullable(),
    sealedCode: p.blob().nullable(),
    reason: p.text().$type<Reason>().nullable(),
    frozenAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    purchaseDeadline: p.datetime(),
    expiresAt: p.datetime().nullable(),
    receivedAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
    dueAt: p.datetime().nullable(),
    attempts: p.integer(),
    retryOf: p.uuid().nullable(),
    cancellableAt: p.datetime().nullable(),
    reportReason: p.text().$type<ReportReason>().nullable(),
    codes: p.integer(),
    anotherAskedAt: p.datetime().nullable(),
    anotherPriceMicros: p.bigint('bigint').nullable(),
    anotherHoldId: p.text().nullable(),
  },
});

const MessageRow = defineEntity({
  name: 'MessageRow',
  tableName: 'messages',
  properties: {
    id: p.uuid().primary(),
    verificationId: p.uuid(),
    tenantId: p.uuid(),
    sealed: p.blob(),
    fingerprint: p.blob(),
    receivedAt: p.datetime(),
    hidden: p.boolean(),
  },
});

export const entities = [
  VerificationRow,
  MessageRow,
  ...bulkEntities,
  ...policyEntities,
  ...routingEntities,
  ...rentalEntities,
  ...lateEntities,
  ...keyEntities,
] as const;

type EntityRow = InferEntity<typeof VerificationRow>;

/** A row as SQL returns it. */
export interface SqlRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly idempotency_key: string;
  readonly request_hash: string;
  readonly state: State;
  readonly version: number;
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  readonly operator: string;
  readonly area_code: string;
  readonly currency: string;
  readonly price_micros: bigint;
  readonly quote_id: string | null;
  readonly from_hold_id: string | null;
  readonly actor: string;
  readonly provider: string;
  readonly route: RouteTrace | null;
  readonly activation_id: string | null;
  readonly provider_cost_micros: bigint | null;
  readonly phone_number: string | null;
  readonly hold_id: string | null;
  readonly sealed_code: Buffer | null;
  readonly reason: Reason | null;
  readonly frozen_at: Date | null;
  readonly created_at: Date;
  readonly purchase_deadline: Date;
  readonly expires_at: Date | null;
  readonly received_at: Date | null;
  readonly ended_at: Date | null;
  readonly due_at: Date | null;
  readonly attempts: number;
  readonly retry_of: string | null;
  readonly cancellable_at: Date | null;
  readonly report_reason: ReportReason | null;
  readonly codes: number;
  readonly another_asked_at: Date | null;
  readonly another_price_micros: bigint | null;
  readonly another_hold_id: string | null;
}

const anotherOf = (
  askedAt: Date | null | undefined,
  priceMicros: bigint | null | undefined,
  holdId: string | null | undefined,
): Another | undefined =>
  askedAt === null || askedAt === undefined ? undefined : { askedAt, priceMicros: priceMicros ?? 0n, holdId: holdId ?? undefined };

export const fromSql = (row: SqlRow): Verification => ({
  id: row.id,
  tenantId: row.tenant_id,
  idempotencyKey: row.idempotency_key,
  requestHash: row.request_hash,
  state: row.state,
  version: row.version,
  service: row.service,
  country: row.country,
  capability: row.capability,
  operator: row.operator,
  areaCode: row.area_code,
  currency: row.currency,
  priceMicros: row.price_micros,
  quoteId: row.quote_id ?? undefined,
  fromHoldId: row.from_hold_id ?? undefined,
  actor: row.actor,
  provider: row.provider,
  route: row.route ?? undefined,
  activationId: row.activation_id ?? undefined,
  providerCostMicros: row.provider_cost_micros ?? undefined,
  phoneNumber: row.phone_number ?? undefined,
  holdId: row.hold_id ?? undefined,
  sealedCode: row.sealed_code ?? undefined,
  reason: row.reason ?? undefined,
  ...(row.frozen_at && { frozenAt: row.frozen_at }),
  createdAt: row.created_at,
  purchaseDeadline: row.purchase_deadline,
  expiresAt: row.expires_at ?? undefined,
  receivedAt: row.received_at ?? undefined,
  endedAt: row.ended_at ?? undefined,
  dueAt: row.due_at ?? undefined,
  attempts: row.attempts,
  retryOf: row.retry_of ?? undefined,
  cancellableAt: row.cancellable_at ?? undefined,
  reportReason: row.report_reason ?? undefined,
  codes: row.codes,
  another: anotherOf(row.another_asked_at, row.another_price_micros, row.another_hold_id),
});

export const fromEntity = (row: EntityRow): Verification => ({
  id: row.id,
  tenantId: row.tenantId,
  idempotencyKey: row.idempotencyKey,
  requestHash: row.requestHash,
  state: row.state,
  version: row.version,
  service: row.service,
  country: row.country,
  capability: row.capability,
  operator: row.operator,
  areaCode: row.areaCode,
  currency: row.currency,
  priceMicros: row.priceMicros,
  quoteId: row.quoteId ?? undefined,
  fromHoldId: row.fromHoldId ?? undefined,
  actor: row.actor,
  provider: row.provider,
  route: row.route ?? undefined,
  activationId: row.activationId ?? undefined,
  providerCostMicros: row.providerCostMicros ?? undefined,
  phoneNumber: row.phoneNumber ?? undefined,
  holdId: row.holdId ?? undefined,
  sealedCode: row.sealedCode ?? undefined,
  reason: row.reason ?? undefined,
  ...(row.frozenAt && { frozenAt: row.frozenAt }),
  createdAt: row.createdAt,
  purchaseDeadline: row.purchaseDeadline,
  expiresAt: row.expiresAt ?? undefined,
  receivedAt: row.receivedAt ?? undefined,
  endedAt: row.endedAt ?? undefined,
  dueAt: row.dueAt ?? undefined,
  attempts: row.attempts,
  retryOf: row.retryOf ?? undefined,
  cancellableAt: row.cancellableAt ?? undefined,
  reportReason: row.reportReason ?? undefined,
  codes: row.codes,
  another: anotherOf(row.anotherAskedAt, row.anotherPriceMicros, row.anotherHoldId),
});
