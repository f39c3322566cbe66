import { newId } from '#platform/ids/index.ts';
import { outboxRow } from '#platform/messaging/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { ChargeOutcome, DueUsage, UsageCharges } from '../../../app/usage/ports.ts';
import { walletCurrency } from '../../../domain/ledger.ts';
import type { Meter } from '../../../domain/usage-meters.ts';

interface DueRow {
  readonly tenant_id: string;
  readonly period_id: string;
  readonly meter: Meter;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly quantity: bigint;
  readonly charged_micros: bigint;
  readonly charge_count: number;
  readonly dirty_since: Date | null;
  readonly attempts: number;
  readonly lease_until: Date;
}

/** The claim moves due_at to the end of the lease: a worker that dies needs nobody to clean up after it. */
const claimSql = `with taken as (
    select tenant_id, period_id, meter from usage_totals where due_at <= $1 order by due_at limit $3 for update skip locked
  ), leased as (
    update usage_totals u set due_at = $2 from taken t where u.tenant_id = t.tenant_id and u.period_id = t.period_id and u.meter = t.meter returning u.*
  )
  select l.tenant_id, l.period_id, l.meter, p.starts_at, p.ends_at, l.quantity, l.charged_micros, l.charge_count, l.dirty_since, l.attempts, l.due_at as lease_until
    from leased l join usage_periods p on p.id = l.period_id order by l.tenant_id, l.period_id, l.meter`;

/** Usage that came meanwhile is looked at next, whatever was decided about what was seen; and so is what was woken meanwhile. */
const noteSql = `update usage_totals
    set rated_quantity = $4, rated_micros = $5, remainder_picos = $6, plan = $7, included = $8, updated_at = $10,
        dirty_since = case when quantity = $4 and due_at >= $12 and $9::timestamptz is null then null else coalesce(dirty_since, $10) end,
        due_at = case when quantity = $4 and due_at >= $12 then $9::timestamptz else $10 end,
        owed_since = case when $5 <= charged_micros then null else owed_since end
  where tenant_id = $1 and period_id = $2 and meter = $3 and charged_micros = $11`;

const chargeSql = `select charge_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::uuid[], $13, $14, $15, $16, $17::jsonb, $18::jsonb, $19) as outcome`;
const wakeSql = `with woken as (update usage_totals set due_at = $2 where tenant_id = $1 and owed_since is not null returning 1) select count(*)::int as count from woken`;

const wakeRunningSql = `with woken as (
    update usage_totals u set due_at = $2, dirty_since = coalesce(u.dirty_since, $2) from usage_periods p
     where p.id = u.period_id and p.tenant_id = $1 and u.tenant_id = $1 and p.starts_at <= $2 and p.ends_at > $3 returning 1)
  select count(*)::int as count from woken`;

/** Ids for one call: a charge needs one, giving back one for each charge that it reverses. */
const transfersPerCall = 16;

const dueOf = (row: DueRow, now: Date): DueUsage => ({
  tenantId: row.tenant_id,
  periodId: row.period_id,
  meter: row.meter,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
  quantity: row.quantity,
  chargedMicros: row.charged_micros,
  nextNumber: row.charge_count + 1,
  dirtySince: row.dirty_since ?? now,
  attempts: row.attempts,
  leaseUntil: row.lease_until,
});

export const postgresUsageCharges = (db: Database): UsageCharges => ({
  claimDue: async (now, leaseUntil, limit) => (await db.query<DueRow>(claimSql, [now, leaseUntil, limit])).map((row) => dueOf(row, now)),

  note: async ({ tenantId, periodId, meter, quantity, rated, plan, included, chargedMicros, leaseUntil }, dueAt, now) => {
    const figures = [quantity, rated.micros, rated.remainderPicos, plan, included, dueAt ?? null, now, chargedMicros, leaseUntil];
    await db.query(noteSql, [tenantId, periodId, meter, ...figures]);
  },

  charge: async (usage, description, retryAt, now) => {
    const { tenantId, periodId, meter, quantity, rated, plan, included, chargedMicros, nextNumber, leaseUntil } = usage;
    const event = outboxRow(events.billing.usageCharged, {
      tenantId,
      aggregateId: `${periodId}/${meter}`,
      aggregateVersion: BigInt(nextNumber),
      occurredAt: now,
      payload: { periodId, meter, quantity, amount: undefined, chargedTotal: undefined },
    });
    const [row] = await db.query<{ outcome: ChargeOutcome }>(chargeSql, [
      ...[tenantId, periodId, meter, chargedMicros, rated.micros, quantity, rated.remainderPicos, plan, included],
      ...[walletCurrency, description, Array.from({ length: transfersPerCall }, newId), retryAt, now],
      ...[event.id, event.subject, event.headers, event.payload.toString('utf8'), leaseUntil],
    ]);
    if (row?.outcome === 'charged') db.signalOutbox();
    return row?.outcome ?? 'lost';
  },

  wakeRunning: async (tenantId, since, now) => (await db.query<{ count: number }>(wakeRunningSql, [tenantId, now, since]))[0]?.count ?? 0,

  wakeOwed: async (tenantId, now) => (await db.query<{ count: number }>(wakeSql, [tenantId, now]))[0]?.count ?? 0,
});
