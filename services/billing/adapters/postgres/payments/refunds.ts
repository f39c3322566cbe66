import { outboxRow } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { ClaimedRefund, Refunds } from '../../../app/payments/ports.ts';
import type { Refund, RefundCause, RefundStatus } from '../../../domain/refund.ts';
import { datedCursor } from '../dated-cursor.ts';
import { requestHash } from '../request-hash.ts';
import { RefundRow } from './rows.ts';

export const refundColumns = `r.id, r.tenant_id, r.payment_id, r.attempt_id, r.gateway, a.gateway_payment_id, r.cause, r.amount_micros, r.currency, r.reason,
  r.requested_by, r.status, r.gateway_refund_id, r.failure_reason, r.tries, r.created_at, r.settled_at`;

const statements = {
  request: 'select request_refund($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) as outcome',
  byKey: `select ${refundColumns} from refunds r join payment_attempts a on a.id = r.attempt_id where r.tenant_id = $1 and r.idempotency_key = $2`,
  find: `select ${refundColumns} from refunds r join payment_attempts a on a.id = r.attempt_id where r.tenant_id = $1 and r.id = $2`,
  list: `select ${refundColumns} from refunds r join payment_attempts a on a.id = r.attempt_id
    where r.tenant_id = $1 and ($2::uuid is null or r.payment_id = $2)
      and ($3::timestamptz is null or (r.created_at, r.id) < ($3::timestamptz, $4::uuid))
    order by r.created_at desc, r.id desc limit $5`,
  claim: `with due as (
      select id, claimed_at from refunds where status = 'pending' and next_check_at <= $1 order by next_check_at limit $3 for update skip locked),
    r as (update refunds set next_check_at = $2, tries = tries + 1, claimed_at = $1 from due where refunds.id = due.id
      returning refunds.*, due.claimed_at as tried_at)
    select ${refundColumns}, r.tried_at from r join payment_attempts a on a.id = r.attempt_id`,
  postpone: `update refunds set next_check_at = $2, gateway_refund_id = case when $3 = '' then gateway_refund_id else $3 end
    where id = $1 and status = 'pending'`,
  done: `select ${refundColumns} from refunds r join payment_attempts a on a.id = r.attempt_id 
    where a.id = $1 and r.payment_id = a.payment_id and r.status = 'succeeded'`,
  sendBack: 'select send_back_refund($1, $2, $3, $4, $5, $6, $7, $8) as done',
  finish: 'select finish_refund($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as done',
} as const;

export interface StoredRefund {
  readonly id: string;
  readonly tenant_id: string;
  readonly payment_id: string;
  readonly attempt_id: string;
  readonly gateway: string;
  readonly gateway_payment_id: string;
  readonly cause: RefundCause;
  readonly amount_micros: bigint;
  readonly currency: string;
  readonly reason: string;
  readonly requested_by: string;
  readonly status: RefundStatus;
  readonly gateway_refund_id: string;
  readonly failure_reason: string;
  readonly tries: number;
  readonly created_at: Date;
  readonly settled_at: Date | null;
}

export const postgresRefunds = (db: Database): Refunds => ({
  request: async (order) => {
    const { id, tenantId, paymentId, amount, cause, reason, requestedBy, idempotencyKey, transferId, now } = order;
    const requested = { tenantId, aggregateId: id, aggregateVersion: 1n, occurredAt: now };
    const event = outboxRow(events.billing.refundRequested, { ...requested, payload: { refundId: id, paymentId, reason } });
    const [row] = await db.query<{ outcome: Awaited<ReturnType<Refunds['request']>>['outcome'] }>(statements.request, [
      ...[id, tenantId, paymentId, amount?.micros ?? null, amount?.currency ?? '', cause, reason, requestedBy],
      ...[idempotencyKey, requestHash(order.request), transferId, now],
      ...[event.id, event.subject, event.headers, event.payload],
    ]);
    const outcome = row?.outcome ?? 'not_found';
    if (outcome !== 'done' && outcome !== 'replayed') return { outcome };
    if (outcome === 'done') db.signalOutbox();
    const [stored] = await db.query<StoredRefund>(statements.byKey, [tenantId, idempotencyKey]);
    if (stored === undefined) throw new Error('a refund that was recorded is not there');
    return { outcome, refund: refundOf(stored) };
  },

  find: async (tenantId, id) => {
    const [row] = await db.query<StoredRefund>(statements.find, [tenantId, id]);
    return row && refundOf(row);
  },

  list: async (tenantId, { paymentId }, { limit, cursor }) => {
    const after = datedCursor(cursor, 'uuid');
    const place = [after?.at ?? null, after === undefined ? null : String(after.tie)];
    const rows = await db.query<StoredRefund>(statements.list, [tenantId, paymentId ?? null, ...place, limit + 1]);
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const nextCursor = rows.length > limit && last !== undefined ? encodeCursor([last.created_at, last.id]) : '';
    return { refunds: shown.map(refundOf), nextCursor };
  },

  claimDue: async (now, leaseUntil, limit) =>
    (await db.query<StoredRefund & { readonly tried_at: Date | null }>(statements.claim, [now, leaseUntil, limit])).map(
      (row): ClaimedRefund => ({ ...refundOf(row), tries: row.tries, triedAt: row.tried_at ?? undefined }),
    ),

  postpone: async (id, nextCheckAt, gatewayRefundId) => {
    await db.query(statements.postpone, [id, nextCheckAt, gatewayRefundId]);
  },

  finish: async ({ refund, as, gatewayRefundId, reason, returnedId, now }) => {
    const { id, tenantId, paymentId, gateway, amount, cause } = refund;
    const aggregate = { tenantId, aggregateId: id, aggregateVersion: 0n, occurredAt: now };
    const payload = { refundId: id, paymentId, gateway, amount, cause };
    const event =
      as === 'succeeded'
        ? outboxRow(events.billing.refundSucceeded, { ...aggregate, payload })
        : outboxRow(events.billing.refundFailed, { ...aggregate, payload: { ...payload, reason } });
    const [row] = await db.query<{ done: boolean }>(statements.finish, [
      ...[id, as, gatewayRefundId, reason, returnedId, now],
      ...[event.id, event.subject, event.headers, event.payload],
    ]);
    if (row?.done === true) db.signalOutbox();
    return row?.done === true;
  },

  done: async (attemptId) => (await db.query<StoredRefund>(statements.done, [attemptId])).map(refundOf),

  sendBack: async ({ refund, reason, returnedId, now }) => {
    const { id, tenantId, paymentId, gateway, amount, cause } = refund;
    const aggregate = { tenantId, aggregateId: id, aggregateVersion: 0n, occurredAt: now };
    const event = outboxRow(events.billing.refundFailed, {
      ...aggregate,
      payload: { refundId: id, paymentId, gateway, amount, cause, reason },
    });
    const [row] = await db.query<{ done: boolean }>(statements.sendBack, [
      ...[id, reason, returnedId, now],
      ...[event.id, event.subject, event.headers, event.payload],
    ]);
    if (row?.done === true) db.signalOutbox();
    return row?.done === true;
  },

  hasten: async (attemptId, now) => {
    await db.em().nativeUpdate(RefundRow, { attemptId, status: 'pending' }, { nextCheckAt: now });
  },
});

export const refundOf = (row: StoredRefund): Refund => ({
  id: row.id,
  tenantId: row.tenant_id,
  paymentId: row.payment_id,
  attemptId: row.attempt_id,
  gateway: row.gateway,
  gatewayPaymentId: row.gateway_payment_id,
  cause: row.cause,
  amount: money(row.currency, row.amount_micros),
  reason: row.reason,
  requestedBy: row.requested_by,
  status: row.status,
  gatewayRefundId: row.gateway_refund_id,
  failureReason: row.failure_reason,
  createdAt: row.created_at,
  settledAt: row.settled_at ?? undefined,
});
