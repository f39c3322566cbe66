import { outboxRow } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { PaymentMethods, TopUps } from '../../../app/payments/ports.ts';
import type { PaymentMethod } from '../../../domain/payment-method.ts';
import { maxTopUpFailures, type TopUp, topUpPausesMs } from '../../../domain/top-up.ts';

const columns = 'id, tenant_id, gateway, brand, last4, expiry_month, expiry_year, is_default, created_at';

interface StoredMethod {
  readonly id: string;
  readonly tenant_id: string;
  readonly gateway: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiry_month: number;
  readonly expiry_year: number;
  readonly is_default: boolean;
  readonly created_at: Date;
}
interface StoredTopUp {
  readonly tenant_id: string;
  readonly enabled: boolean;
  readonly currency: string;
  readonly threshold_micros: bigint;
  readonly amount_micros: bigint;
  readonly monthly_limit_micros: bigint;
  readonly suspended_reason: string;
  readonly sequence: bigint;
  readonly updated_at: Date;
}

const methodOf = (row: StoredMethod): PaymentMethod => ({
  ...{ id: row.id, tenantId: row.tenant_id, gateway: row.gateway, brand: row.brand, last4: row.last4 },
  ...{ expiryMonth: row.expiry_month, expiryYear: row.expiry_year, isDefault: row.is_default, createdAt: row.created_at },
});
const topUpOf = (row: StoredTopUp): TopUp => ({
  tenantId: row.tenant_id,
  enabled: row.enabled,
  threshold: money(row.currency, row.threshold_micros),
  amount: money(row.currency, row.amount_micros),
  monthlyLimit: money(row.currency, row.monthly_limit_micros),
  suspendedReason: row.suspended_reason,
  updatedAt: row.updated_at,
});

export const postgresPaymentMethods = (db: Database): PaymentMethods => ({
  list: async (tenantId) =>
    (
      await db.query<StoredMethod>(
        `select ${columns} from payment_methods where tenant_id = $1 and removed_at is null order by is_default desc, created_at desc, id desc limit 100`,
        [tenantId],
      )
    ).map(methodOf),
  find: async (tenantId, id) => {
    const [row] = await db.query<StoredMethod>(
      `select ${columns} from payment_methods where tenant_id = $1 and id = $2 and removed_at is null`,
      [tenantId, id],
    );
    return row && methodOf(row);
  },
  remove: async (tenantId, id, now) =>
    (await db.query<{ done: boolean }>('select remove_method($1, $2, $3) as done', [tenantId, id, now]))[0]?.done === true,
  makeDefault: async (tenantId, id) =>
    (await db.query<{ done: boolean }>('select default_method($1, $2) as done', [tenantId, id]))[0]?.done === true,
  claimDue: async (now, leaseUntil, limit) =>
    (
      await db.query<{ payment_id: string; gateway: string; reference: string; gateway_payment_id: string }>(
        `with due as (select id from payments where method_due_at <= $1 and status = 'succeeded' order by method_due_at limit $3 for update skip locked)
         update payments p set method_due_at = $2 from due where p.id = due.id
         returning p.id as payment_id, p.gateway, p.attempt_id as reference, p.gateway_payment_id`,
        [now, leaseUntil, limit],
      )
    ).map((row) => ({
      paymentId: row.payment_id,
      gateway: row.gateway,
      reference: row.reference,
      gatewayPaymentId: row.gateway_payment_id,
    })),
  save: async ({ paymentId, id, card, now }) => {
    const { token, brand, last4, expiryMonth, expiryYear } = card;
    await db.query('select save_method($1, $2, $3, $4, $5, $6, $7, $8)', [
      paymentId,
      id,
      token,
      brand,
      last4,
      expiryMonth,
      expiryYear,
      now,
    ]);
  },
  giveUp: async (paymentId) => {
    await db.query('update payments set method_due_at = null where id = $1', [paymentId]);
  },
});

export const postgresTopUps = (db: Database): TopUps => ({
  find: async (tenantId) => {
    const [row] = await db.query<StoredTopUp>('select * from top_ups where tenant_id = $1', [tenantId]);
    return row && topUpOf(row);
  },
  set: async ({ tenantId, enabled, threshold, amount, monthlyLimit, now }) => {
    const [row] = await db.query<StoredTopUp>(
      `insert into top_ups as t (tenant_id, enabled, currency, threshold_micros, amount_micros, monthly_limit_micros, armed_at, next_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $7, $7)
       on conflict (tenant_id) do update set enabled = excluded.enabled, currency = excluded.currency, threshold_micros = excluded.threshold_micros,
         amount_micros = excluded.amount_micros, monthly_limit_micros = excluded.monthly_limit_micros, suspended_reason = '', armed_at = excluded.armed_at,
         next_at = excluded.next_at, version = t.version + 1, updated_at = excluded.updated_at
       returning *`,
      [tenantId, enabled, amount.currency, threshold.micros, amount.micros, monthlyLimit.micros, now],
    );
    if (row === undefined) throw new Error('a top-up was not stored');
    return topUpOf(row);
  },
  claimDue: async (now, leaseUntil, limit) => {
    const pauses = topUpPausesMs.map((ms) => `${ms} milliseconds`);
    const sql = 'select * from claim_top_ups($1, $2, $3, $4, $5::interval[])';
    const rows = await db.query<StoredTopUp>(sql, [now, leaseUntil, limit, maxTopUpFailures, pauses]);
    return rows.map((row) => ({ ...topUpOf(row), sequence: row.sequence }));
  },
  suspend: async (now, reason) => {
    const suspended = await db.transaction(async (tx) => {
      const rows = await tx.query<{ tenant_id: string; version: bigint }>('select * from suspend_top_ups($1, $2, $3)', [
        now,
        maxTopUpFailures,
        reason,
      ]);
      for (const { tenant_id: tenantId, version } of rows) {
        const told = { tenantId, aggregateId: tenantId, aggregateVersion: version, occurredAt: now };
        const event = outboxRow(events.billing.topUpSuspended, { ...told, payload: { reason } });
        await tx.query(
          'insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values ($1, $2, $3, $4, $5, $6)',
          [event.id, event.subject, tenantId, version, event.headers, event.payload],
        );
      }
      return rows.length;
    });
    if (suspended > 0) db.signalOutbox();
    return suspended;
  },
});
