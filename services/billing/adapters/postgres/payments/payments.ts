import { newId } from '#platform/ids/index.ts';
import { outboxRow } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { NewPayment, Payments } from '../../../app/payments/ports.ts';
import type { Attempt, AttemptStatus, Payment, PaymentStatus } from '../../../domain/payment.ts';
import { datedCursor } from '../dated-cursor.ts';
import { requestHash } from '../request-hash.ts';
import { AttemptRow, PaymentRow } from './rows.ts';

export const attemptColumns = `a.id, a.payment_id, a.tenant_id, a.ordinal, a.gateway, a.gateway_payment_id, a.checkout_url, a.status, a.failure_reason,
  a.created_at, a.settled_at, p.amount_micros, p.currency, p.save_method,
  a.ordinal = 1 and p.method_id is not null as charges, m.token`;
/** After `payment_attempts a`. A removed method has no token any more. */
export const attemptJoin = `join payments p on p.id = a.payment_id
  left join payment_methods m on a.ordinal = 1 and m.id = p.method_id and m.removed_at is null`;

const statements = {
  // A late process finds that its top-up was claimed again, and perhaps made, meanwhile.
  add: `with claim as (select 1 from top_ups where tenant_id = $2 and sequence = $12 and enabled for update),
    added as (
      insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at,
                            save_method, method_due_at, method_id, automatic)
      select $1, $2, $3, $4, $5, $6, $7, $8::timestamptz, $9::timestamptz, $10, case when $10 then $9 end, $11, $12 is not null
       where $12::bigint is null or exists (select from claim)
      on conflict do nothing returning id),
    told as (insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
      select $13, $14, id::text, 1, $15::jsonb, $16 from added)
    select id from added`,
  addAttempt: 'select add_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as outcome',
  beganAt: `select a.gateway from payments p join payment_attempts a on a.payment_id = p.id and a.ordinal = 1
    where p.tenant_id = $1 and p.idempotency_key = $2`,
  settle: 'select settle_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as outcome',
  fail: 'select fail_attempt($1, $2, $3, $4, $5, $6, $7, $8) as done',
  findAttempts: `select ${attemptColumns} from payment_attempts a ${attemptJoin} where a.id = any($1::uuid[])`,
  attempts: `select ${attemptColumns} from payment_attempts a ${attemptJoin}
    where a.payment_id = $1 and a.tenant_id = $2 order by a.ordinal`,
  log: `with a as (select * from payment_attempts where payment_id = $1 and tenant_id = $2),
    r as (select * from refunds where payment_id = $1 and tenant_id = $2),
    d as (select * from disputes where payment_id = $1 and tenant_id = $2)
    select * from (
      select created_at as at, 1 as rank, 'attempt_started' as kind, gateway, id::text as reference, '' as detail, null::bigint as amount_micros, '' as currency from a
      union all
      select settled_at, 3, 'attempt_' || status, gateway, id::text, failure_reason, null, '' from a where settled_at is not null
      union all
      select e.received_at, 2, 'notification_received', e.gateway, e.event_id, e.result, null, ''
        from payment_events e join a on e.payment_id = a.id::text and e.gateway = a.gateway
      union all
      select created_at, 4, 'refund_requested', gateway, id::text, reason, amount_micros, currency from r
      union all
      select settled_at, 5, 'refund_' || status, gateway, gateway_refund_id, failure_reason, amount_micros, currency from r where settled_at is not null
      union all
      select created_at, 6, 'dispute_opened', gateway, gateway_dispute_id, reason, amount_micros, currency from d
      union all
      select decided_at, 7, 'dispute_' || status, gateway, gateway_dispute_id, reason, amount_micros, currency from d where decided_at is not null
    ) happened order by at, rank, reference limit $3`,
  // The page belongs to the attempt; the payment shows it while that attempt is the current one.
  checkout: `with ready as (
      update payment_attempts set gateway_payment_id = $2, checkout_url = $3, next_check_at = $4
       where id = $1 and status = 'pending' and checkout_url = '' returning id, payment_id)
    update payments p set gateway_payment_id = $2, checkout_url = $3 from ready where p.id = ready.payment_id and p.attempt_id = ready.id`,
  claim: `with due as (
      select id from payment_attempts where status = 'pending' and next_check_at <= $1 order by next_check_at limit $3 for update skip locked),
    a as (update payment_attempts set next_check_at = $2 from due where payment_attempts.id = due.id returning payment_attempts.*)
    select ${attemptColumns} from a ${attemptJoin}`,
} as const;

interface StoredLogEntry {
  readonly at: Date;
  readonly kind: string;
  readonly gateway: string;
  readonly reference: string;
  readonly detail: string;
  readonly amount_micros: bigint | null;
  readonly currency: string;
}
interface StoredPayment {
  readonly id: string;
  readonly tenant_id: string;
  readonly attempt_id: string;
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
export type StoredAttempt = Omit<StoredPayment, 'status' | 'attempt_id'> & {
  readonly payment_id: string;
  readonly ordinal: number;
  readonly status: AttemptStatus;
  readonly save_method: boolean;
  readonly charges: boolean;
  readonly token: string | null;
};

export const postgresPayments = (db: Database): Payments => ({
  add: (payment) => addPayment(db, payment),

  addAttempt: async ({ id, tenantId, paymentId, gateway, idempotencyKey, request, after, now, nextCheckAt }) => {
    const hash = request === undefined ? null : requestHash(request);
    const previous = [after?.attemptId ?? null, after?.refused ?? ''];
    const [row] = await db.query<{ outcome: Awaited<ReturnType<Payments['addAttempt']>> }>(statements.addAttempt, [
      ...[id, tenantId, paymentId, gateway, idempotencyKey, hash],
      ...previous,
      ...[now, nextCheckAt],
    ]);
    return row?.outcome ?? 'not_found';
  },

  beganAt: async (tenantId, idempotencyKey) => {
    const [row] = await db.query<{ gateway: string }>(statements.beganAt, [tenantId, idempotencyKey]);
    return row?.gateway;
  },

  find: async (tenantId, id) => {
    const row = await db.em().findOne(PaymentRow, { id, tenantId });
    return row === null ? undefined : paymentOfRow(row);
  },

  findAttempts: async (ids) =>
    (await db.query<StoredAttempt>(statements.findAttempts, [ids], { name: 'payment-attempts-find' })).map(attemptOf),

  attempts: async (tenantId, paymentId) => (await db.query<StoredAttempt>(statements.attempts, [paymentId, tenantId])).map(attemptOf),

  log: async (tenantId, id, limit) =>
    (await db.query<StoredLogEntry>(statements.log, [id, tenantId, limit])).map(({ amount_micros, currency, ...entry }) => ({
      ...entry,
      amount: amount_micros === null ? undefined : money(currency, amount_micros),
    })),

  list: async (tenantId, { limit, cursor }) => {
    const after = datedCursor(cursor, 'uuid');
    const older =
      after === undefined ? {} : { $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, id: { $lt: String(after.tie) } }] };
    const rows = await db.em().find(PaymentRow, { tenantId, ...older }, { orderBy: { createdAt: 'desc', id: 'desc' }, limit: limit + 1 });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const nextCursor = rows.length > limit && last !== undefined ? encodeCursor([last.createdAt, last.id]) : '';
    return { payments: shown.map((row) => paymentOfRow(row)), nextCursor };
  },

  checkoutReady: async (attemptId, { gatewayPaymentId, checkoutUrl, nextCheckAt }) => {
    await db.query(statements.checkout, [attemptId, gatewayPaymentId, checkoutUrl, nextCheckAt]);
  },

  succeed: async ({ attempt, transferId, refundId, gatewayPaymentId, now }) => {
    const { paymentId, gateway, amount } = attempt;
    const event = outboxRow(events.billing.paymentSucceeded, { ...aggregateOf(attempt, now), payload: { paymentId, gateway, amount } });
    const settlement = [attempt.id, gatewayPaymentId, transferId, newId(), refundId, now];
    const [row] = await db.query<{ outcome: 'credited' | 'surplus' | 'none' }>(
      statements.settle,
      [...settlement, event.id, event.subject, event.headers, event.payload],
      { name: 'payment-settle' },
    );
    if (row?.outcome === 'credited') db.signalOutbox();
    return row?.outcome ?? 'none';
  },

  fail: async ({ attempt, as, reason, now }) => {
    const { paymentId, gateway } = attempt;
    const event = outboxRow(events.billing.paymentFailed, { ...aggregateOf(attempt, now), payload: { paymentId, gateway, reason } });
    const outbox = [event.id, event.subject, event.headers, event.payload];
    const [row] = await db.query<{ done: boolean }>(statements.fail, [attempt.id, as, reason, now, ...outbox]);
    if (row?.done === true) db.signalOutbox();
    return row?.done === true;
  },

  claimDue: async (now, leaseUntil, limit) => (await db.query<StoredAttempt>(statements.claim, [now, leaseUntil, limit])).map(attemptOf),

  hasten: async (paymentId, now, notSince) => {
    const due = {
      paymentId,
      status: 'pending' as const,
      $or: [{ checkedAt: null }, { checkedAt: { $lt: notSince } }],
      createdAt: { $lt: notSince },
    };
    return (await db.em().nativeUpdate(AttemptRow, due, { nextCheckAt: now, checkedAt: now })) > 0;
  },

  schedule: async (attemptId, nextCheckAt, checkedAt) => {
    await db.em().nativeUpdate(AttemptRow, { id: attemptId, status: 'pending' }, { nextCheckAt, checkedAt });
  },
});

const addPayment = async (db: Database, payment: NewPayment): ReturnType<Payments['add']> => {
  const { id, tenantId, gateway, amount, idempotencyKey, request, now, nextCheckAt } = payment;
  const started = { tenantId, aggregateId: id, aggregateVersion: 1n, occurredAt: now, payload: { paymentId: id, gateway, amount } };
  const event = outboxRow(events.billing.paymentStarted, started);
  const hash = requestHash(request);
  const { saveMethod, paymentMethodId, topUp } = payment;
  const money = [amount.micros, amount.currency];
  const columns = [
    id,
    tenantId,
    gateway,
    ...money,
    idempotencyKey,
    hash,
    nextCheckAt,
    now,
    saveMethod,
    paymentMethodId ?? null,
    topUp ?? null,
  ];
  const added = await db.query(statements.add, [...columns, event.id, event.subject, event.headers, event.payload]);
  if (added.length === 1) db.signalOutbox();
  const [row] = await db.query<StoredPayment & { request_hash: Buffer }>(
    'select * from payments where tenant_id = $1 and idempotency_key = $2',
    [tenantId, idempotencyKey],
  );
  if (row === undefined && topUp !== undefined) return { outcome: 'under_way' };
  if (row === undefined || !row.request_hash.equals(hash)) return { outcome: 'idempotency_conflict' };
  return { outcome: added.length === 1 ? 'done' : 'replayed', payment: paymentOf(row) };
};

/** The version is set where the event is inserted, with the row. */
const aggregateOf = ({ tenantId, paymentId }: Attempt, occurredAt: Date) => ({
  tenantId,
  aggregateId: paymentId,
  aggregateVersion: 0n,
  occurredAt,
});

const shared = (row: Omit<StoredPayment, 'status' | 'attempt_id'>) => ({
  id: row.id,
  tenantId: row.tenant_id,
  gateway: row.gateway,
  gatewayPaymentId: row.gateway_payment_id,
  amount: money(row.currency, row.amount_micros),
  checkoutUrl: row.checkout_url,
  failureReason: row.failure_reason,
  createdAt: row.created_at,
  settledAt: row.settled_at ?? undefined,
});
const paymentOf = (row: StoredPayment): Payment => ({ ...shared(row), status: row.status, attemptId: row.attempt_id });
export const attemptOf = (row: StoredAttempt): Attempt => ({
  ...shared(row),
  paymentId: row.payment_id,
  ordinal: row.ordinal,
  status: row.status,
  saveMethod: row.save_method,
  charge: row.charges ? { token: row.token ?? undefined } : undefined,
});

const paymentOfRow = (row: PaymentRow): Payment => ({
  id: row.id,
  tenantId: row.tenantId,
  attemptId: row.attemptId,
  gateway: row.gateway,
  gatewayPaymentId: row.gatewayPaymentId,
  amount: money(row.currency, row.amountMicros),
  status: row.status,
  checkoutUrl: row.checkoutUrl,
  failureReason: row.failureReason,
  createdAt: row.createdAt,
  settledAt: row.settledAt ?? undefined,
});
