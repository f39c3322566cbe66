import { newId } from '#platform/ids/index.ts';
import { outboxRow } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { NewPayment, Payments } from '../../../app/payments/ports.ts';
import type { Payment, PaymentStatus } from '../../../domain/payment.ts';
import { datedCursor } from '../dated-cursor.ts';
import { requestHash } from '../request-hash.ts';
import { PaymentRow } from '../rows.ts';

const statements = {
  add: `with added as (
      insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      on conflict (tenant_id, idempotency_key) do nothing returning id),
    told as (insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
      select $10, $11, id::text, 1, $12::jsonb, $13 from added)
    select id from added`,
  settle: 'select settle_payment($1, $2, $3, $4, $5, $6, $7, $8, $9) as done',
  fail: `with failed as (
      update payments set status = $2, failure_reason = $3, settled_at = $4, version = version + 1
       where id = $1 and (status = 'pending' or ($2 = 'mismatched' and status = 'failed')) returning id, version),
    told as (insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
      select $5, $6, id::text, version, $7::jsonb, $8 from failed)
    select id from failed`,
  claim: `update payments set next_check_at = $2
     where id in (select id from payments where status = 'pending' and next_check_at <= $1 order by next_check_at limit $3 for update skip locked)
    returning id, tenant_id, gateway, gateway_payment_id, amount_micros, currency, status, checkout_url, failure_reason, created_at, settled_at`,
} as const;

interface ClaimedRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly gateway: string;
  readonly gateway_payment_id: string;
  readonly amount_micros: bigint;
  readonly currency: string;
  readonly status: PaymentStatus;
  readonly checkout_url: string;
  readonly failure_reason: string;
  readonly created_at: Date;
  readonly settled_at: Date | null;
}

export const postgresPayments = (db: Database): Payments => {
  const findAnyTenant = async (id: string): Promise<Payment | undefined> => paymentOf(await db.em().findOne(PaymentRow, { id }));

  return {
    add: (payment) => addPayment(db, payment),
    find: async (tenantId, id) => paymentOf(await db.em().findOne(PaymentRow, { id, tenantId })),
    findAnyTenant,

    list: async (tenantId, { limit, cursor }) => {
      const after = datedCursor(cursor, 'uuid');
      const older =
        after === undefined ? {} : { $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, id: { $lt: String(after.tie) } }] };
      const rows = await db.em().find(PaymentRow, { tenantId, ...older }, { orderBy: { createdAt: 'desc', id: 'desc' }, limit: limit + 1 });
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      const nextCursor = rows.length > limit && last !== undefined ? encodeCursor([last.createdAt, last.id]) : '';
      return { payments: shown.map((row) => rowToPayment(row)), nextCursor };
    },

    checkoutReady: async (id, checkout) => {
      await db.em().nativeUpdate(PaymentRow, { id, status: 'pending', checkoutUrl: '' }, checkout);
    },

    succeed: async ({ paymentId, transferId, gatewayPaymentId, now }) => {
      const payment = await findAnyTenant(paymentId);
      if (payment === undefined) return false;
      const event = outboxRow(events.billing.paymentSucceeded, {
        ...aggregateOf(payment, now),
        payload: { paymentId, gateway: payment.gateway, amount: payment.amount },
      });
      const outbox = [event.id, event.subject, event.headers, event.payload];
      const [row] = await db.query<{ done: boolean }>(statements.settle, [
        paymentId,
        gatewayPaymentId,
        transferId,
        newId(),
        now,
        ...outbox,
      ]);
      if (row?.done === true) db.signalOutbox();
      return row?.done === true;
    },

    fail: async ({ paymentId, as, reason, now }) => {
      const payment = await findAnyTenant(paymentId);
      if (payment === undefined) return false;
      const event = outboxRow(events.billing.paymentFailed, {
        ...aggregateOf(payment, now),
        payload: { paymentId, gateway: payment.gateway, reason },
      });
      const outbox = [event.id, event.subject, event.headers, event.payload];
      const rows = await db.query(statements.fail, [paymentId, as, reason, now, ...outbox]);
      if (rows.length === 1) db.signalOutbox();
      return rows.length === 1;
    },

    claimDue: async (now, leaseUntil, limit) =>
      (await db.query<ClaimedRow>(statements.claim, [now, leaseUntil, limit])).map(claimedPayment),

    hasten: async (id, now, notSince) => {
      const due = {
        id,
        status: 'pending' as const,
        $or: [{ checkedAt: null }, { checkedAt: { $lt: notSince } }],
        createdAt: { $lt: notSince },
      };
      return (await db.em().nativeUpdate(PaymentRow, due, { nextCheckAt: now, checkedAt: now })) === 1;
    },

    schedule: async (id, nextCheckAt, checkedAt) => {
      await db.em().nativeUpdate(PaymentRow, { id, status: 'pending' }, { nextCheckAt, checkedAt });
    },
  };
};

const addPayment = async (db: Database, payment: NewPayment): ReturnType<Payments['add']> => {
  const { id, tenantId, gateway, amount, idempotencyKey, request, now, nextCheckAt } = payment;
  const started = { tenantId, aggregateId: id, aggregateVersion: 1n, occurredAt: now, payload: { paymentId: id, gateway, amount } };
  const event = outboxRow(events.billing.paymentStarted, started);
  const hash = requestHash(request);
  const columns = [id, tenantId, gateway, amount.micros, amount.currency, idempotencyKey, hash, nextCheckAt, now];
  const added = await db.query(statements.add, [...columns, event.id, event.subject, event.headers, event.payload]);
  if (added.length === 1) db.signalOutbox();
  const [row] = await db.query<ClaimedRow & { request_hash: Buffer }>(
    'select * from payments where tenant_id = $1 and idempotency_key = $2',
    [tenantId, idempotencyKey],
  );
  if (row === undefined || !row.request_hash.equals(hash)) return { outcome: 'idempotency_conflict' };
  return { outcome: added.length === 1 ? 'done' : 'replayed', payment: claimedPayment(row) };
};

const aggregateOf = ({ tenantId, id }: Payment, occurredAt: Date) => ({ tenantId, aggregateId: id, aggregateVersion: 0n, occurredAt });

const claimedPayment = (row: ClaimedRow): Payment => ({
  id: row.id,
  tenantId: row.tenant_id,
  gateway: row.gateway,
  gatewayPaymentId: row.gateway_payment_id,
  amount: money(row.currency, row.amount_micros),
  status: row.status,
  checkoutUrl: row.checkout_url,
  failureReason: row.failure_reason,
  createdAt: row.created_at,
  settledAt: row.settled_at ?? undefined,
});

const paymentOf = (row: PaymentRow | null): Payment | undefined => (row === null ? undefined : rowToPayment(row));

const rowToPayment = (row: PaymentRow): Payment => ({
  id: row.id,
  tenantId: row.tenantId,
  gateway: row.gateway,
  gatewayPaymentId: row.gatewayPaymentId,
  amount: money(row.currency, row.amountMicros),
  status: row.status,
  checkoutUrl: row.checkoutUrl,
  failureReason: row.failureReason,
  createdAt: row.createdAt,
  settledAt: row.settledAt ?? undefined,
});
