import { appError, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { publishEvent } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor, type Transaction, withIdempotency } from '#platform/postgres/index.ts';
import { addMs } from '#platform/time/index.ts';
import { events } from '#events';
import type { ChangeResult, DecidePlan, PeriodRecord, PlanReader, Subscriptions } from '../../../app/plans/ports.ts';
import { freePlan, type Interval, type PlanId } from '../../../domain/plans/plan.ts';
import type { BilledPeriod, Effect, Subscription, SubscriptionFact, SubscriptionState } from '../../../domain/plans/subscription.ts';
import { datedCursor } from '../dated-cursor.ts';
import { knowsZone } from '../zones.ts';
import { BilledPeriodRow, PlanActRow } from './rows.ts';

interface SubscriptionSql {
  readonly id: string;
  readonly tenant_id: string;
  readonly plan: PlanId;
  readonly interval: Interval;
  readonly state: SubscriptionState;
  readonly time_zone: string;
  readonly anchor_at: Date;
  readonly period_index: number;
  readonly period_start: Date;
  readonly period_end: Date;
  readonly billed_id: string;
  readonly next_plan: PlanId | null;
  readonly next_interval: Interval | null;
  readonly next_time_zone: string | null;
  readonly attempts: number;
  readonly due_at: Date;
  readonly owed_micros: bigint;
  readonly version: bigint;
  readonly created_at: Date;
  readonly ended_at: Date | null;
  readonly granted: boolean;
  readonly billed_plan: PlanId;
  readonly billed_interval: Interval;
  readonly billed_start: Date;
  readonly billed_end: Date;
  readonly billed_amount: bigint;
  readonly billed_refunded: bigint;
}

const columns = `s.*, b.plan as billed_plan, b.interval as billed_interval, b.starts_at as billed_start, b.ends_at as billed_end, b.amount_micros as billed_amount,
    (select coalesce(sum(r.amount_micros), 0)::bigint from transfers r where r.reverses_id = b.transfer_id) as billed_refunded
  from subscriptions s join billed_periods b on b.id = s.billed_id`;

const statements = {
  current: `select ${columns} where s.tenant_id = $1 and s.state <> 'ended'`,
  // Locked before it is read: whoever waits here for a renewal reads what that has written, its billed period too.
  lockCurrent: `select from subscriptions where tenant_id = $1 and state <> 'ended' for update`,
  // What is left of a fee is known only while nobody gives back of it.
  lockWallet: `select from accounts where tenant_id = $1 and kind = 'wallet' order by id for update`,
  // Two first subscriptions at once have no row to wait for: the tenant itself is locked.
  lockTenant: `select pg_advisory_xact_lock(hashtextextended('subscription ' || $1, 0))`,
  // Due, or past due with credit that suffices by now: a top-up pays at once, whichever way it came.
  lockDue: `select s.tenant_id from subscriptions s where s.state <> 'ended' and (s.due_at <= $1 or s.state = 'past_due' and exists (
      select from accounts a where a.tenant_id = s.tenant_id and a.kind = 'wallet' and a.currency = s.currency
         and a.balance_micros - a.held_micros >= s.owed_micros)) and s.tenant_id <> all($2)
    order by s.due_at limit 1 for update skip locked`,
  write: `insert into subscriptions (id, tenant_id, plan, interval, state, time_zone, anchor_at, period_index, period_start, period_end, billed_id,
      next_plan, next_interval, next_time_zone, attempts, due_at, owed_micros, currency, version, created_at, ended_at, granted)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
    on conflict (id) do update set plan = excluded.plan, interval = excluded.interval, state = excluded.state, time_zone = excluded.time_zone,
      anchor_at = excluded.anchor_at, period_index = excluded.period_index, period_start = excluded.period_start, period_end = excluded.period_end,
      billed_id = excluded.billed_id, next_plan = excluded.next_plan, next_interval = excluded.next_interval, next_time_zone = excluded.next_time_zone,
      attempts = excluded.attempts, due_at = excluded.due_at, owed_micros = excluded.owed_micros, version = excluded.version, ended_at = excluded.ended_at, granted = excluded.granted
    where subscriptions.version = excluded.version - 1`,
  cut: `update billed_periods set ends_at = greatest(starts_at, $2), credited_micros = $3 where id = $1 returning transfer_id`,
  credit: `select reverse_transfer($1, $2, $3, $4, 'refund', $5, $6, null, null, $7) as outcome`,
  pay: `select post_to_wallet($1, $2, $3, $4, 0, 'subscription', 'revenue', 'subscription', $5, $6, null, null, null, null, $7) as done`,
  bill: `insert into billed_periods (id, subscription_id, tenant_id, plan, interval, starts_at, ends_at, amount_micros, currency, transfer_id, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
  // The newest period is that of the newest subscription.
  lastDecided: `select greatest(b.created_at, s.ended_at) as at from billed_periods b join subscriptions s on s.id = b.subscription_id
    where b.tenant_id = $1 order by b.starts_at desc, b.id desc limit 1`,
  billedUntil: `select max(ends_at) as at from billed_periods where tenant_id = $1`,
  record: `insert into plan_acts (id, tenant_id, subscription_id, previous_plan, plan, operator, reason, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
  knowsTenant: `select from accounts where tenant_id = $1 and kind = 'wallet' and currency = $2`,
  available: `select balance_micros - held_micros as available from accounts where tenant_id = $1 and kind = 'wallet' and currency = $2`,
  // What was paid for that moment; else what is subscribed to now (a renewal that waits for its payment).
  planAt: `select plan from (
      select plan, 1 as rank from billed_periods where tenant_id = $1 and starts_at <= $2 and ends_at > $2
      union all select plan, 2 from subscriptions where tenant_id = $1 and state <> 'ended' and created_at <= $2) known
    order by rank limit 1`,
} as const;

const subscriptionOf = (row: SubscriptionSql): Subscription => ({
  id: row.id,
  tenantId: row.tenant_id,
  planId: row.plan,
  interval: row.interval,
  state: row.state,
  timeZone: row.time_zone,
  anchorAt: row.anchor_at,
  periodIndex: row.period_index,
  period: { start: row.period_start, end: row.period_end },
  billed: {
    id: row.billed_id,
    planId: row.billed_plan,
    interval: row.billed_interval,
    start: row.billed_start,
    end: row.billed_end,
    amountMicros: row.billed_amount,
    refundedMicros: row.billed_refunded,
  },
  next: row.next_plan === null || row.next_interval === null ? undefined : { planId: row.next_plan, interval: row.next_interval },
  nextTimeZone: row.next_time_zone ?? undefined,
  attempts: row.attempts,
  dueAt: row.due_at,
  owedMicros: row.owed_micros,
  version: Number(row.version),
  createdAt: row.created_at,
  endedAt: row.ended_at ?? undefined,
  granted: row.granted,
});

/** Undoes the whole transaction: nothing of a change that cannot be paid remains. */
class CannotPay extends Error {
  readonly requiredMicros: bigint;
  constructor(requiredMicros: bigint) {
    super('the credit does not suffice');
    this.requiredMicros = requiredMicros;
  }
}

const giveBack = async (tx: Transaction, { tenantId, id }: Subscription, credit: NonNullable<Effect['credit']>): Promise<void> => {
  const { billed, amountMicros, at } = credit;
  const [cut] = await tx.query<{ transfer_id: string | null }>(statements.cut, [billed.id, at, amountMicros]);
  if (cut === undefined) throw new Error(`billed period ${billed.id} is missing`);
  if (amountMicros === 0n || cut.transfer_id === null) return;
  const description = `Unused part of ${billed.planId}`;
  const [row] = await tx.query<{ outcome: string }>(statements.credit, [
    newId(),
    tenantId,
    cut.transfer_id,
    amountMicros,
    description,
    id,
    at,
  ]);
  if (row?.outcome !== 'done') throw new Error(`the unused part of ${billed.id} could not be given back: ${row?.outcome ?? 'no answer'}`);
};

/** @returns false when the credit does not suffice; nothing is written then */
const pay = async (
  tx: Transaction,
  { id, tenantId }: Subscription,
  currency: string,
  period: BilledPeriod,
  { now, decidedAt }: { readonly now: Date; readonly decidedAt: Date },
): Promise<boolean> => {
  const transferId = period.amountMicros === 0n ? null : newId();
  if (transferId !== null) {
    const [row] = await tx.query<{ done: boolean }>(statements.pay, [
      ...[transferId, tenantId, currency, -period.amountMicros, `Plan ${period.planId}, ${period.interval}`, id, now],
    ]);
    if (row?.done !== true) return false;
  }
  await tx.query(statements.bill, [
    ...[period.id, id, tenantId, period.planId, period.interval, period.start, period.end, period.amountMicros, currency, transferId],
    decidedAt,
  ]);
  return true;
};

const write = async (tx: Transaction, s: Subscription, currency: string): Promise<void> => {
  // The version is the guard: whoever else changed the row in between has won, and this change is undone.
  const rows = await tx.query(`${statements.write} returning id`, [
    ...[s.id, s.tenantId, s.planId, s.interval, s.state, s.timeZone, s.anchorAt, s.periodIndex, s.period.start, s.period.end, s.billed.id],
    ...[s.next?.planId ?? null, s.next?.interval ?? null, s.nextTimeZone ?? null, s.attempts, s.dueAt, s.owedMicros, currency, s.version],
    ...[s.createdAt, s.endedAt ?? null, s.granted],
  ]);
  if (rows.length === 0) throw appError('platform.internal', { cause: `subscription ${s.id} changed under its lock` });
};

/** Events of one change come in threes at most; versions leave room for them. */
const versionsPerChange = 4;

const publish = async (
  tx: Transaction,
  s: Subscription,
  currency: string,
  facts: readonly SubscriptionFact[],
  now: Date,
): Promise<void> => {
  for (const [index, fact] of facts.entries()) {
    const about = {
      tenantId: s.tenantId,
      aggregateId: s.id,
      aggregateVersion: BigInt(s.version * versionsPerChange + index),
      occurredAt: now,
    };
    const subscriptionId = s.id;
    switch (fact.kind) {
      case 'plan_changed':
        await publishEvent(tx, events.billing.planChanged, {
          ...about,
          payload: { subscriptionId, plan: fact.to, previousPlan: fact.from },
        });
        break;
      case 'renewed': {
        const { planId: plan, interval, start, end, amountMicros } = fact.period;
        const payload = { subscriptionId, plan, interval, amount: money(currency, amountMicros), periodStart: start, periodEnd: end };
        await publishEvent(tx, events.billing.subscriptionRenewed, { ...about, payload });
        break;
      }
      case 'payment_failed': {
        const { attempt, nextAttemptAt } = fact;
        const payload = { subscriptionId, plan: s.planId, amount: money(currency, fact.amountMicros), attempt, nextAttemptAt };
        await publishEvent(tx, events.billing.subscriptionPaymentFailed, { ...about, payload });
        break;
      }
      case 'ended':
        await publishEvent(tx, events.billing.subscriptionEnded, {
          ...about,
          payload: { subscriptionId, plan: s.planId, reason: fact.reason },
        });
        break;
    }
  }
};

/** After the facts of the change, of which there are two at most where money moves. */
const publishCharge = async (
  tx: Transaction,
  { subscription: s, credit, charge, facts }: Effect,
  currency: string,
  now: Date,
): Promise<void> => {
  const amountMicros = (charge?.amountMicros ?? 0n) - (credit?.amountMicros ?? 0n);
  if (amountMicros === 0n) return;
  await publishEvent(tx, events.billing.subscriptionCharged, {
    tenantId: s.tenantId,
    aggregateId: s.id,
    aggregateVersion: BigInt(s.version * versionsPerChange + facts.length),
    occurredAt: now,
    payload: { subscriptionId: s.id, plan: s.planId, interval: s.interval, amount: { currency, micros: amountMicros } },
  });
};

/** Who hears of a plan keeps what was decided last: so no time that is told is before the one told last, although clocks differ and calls wait. */
const decisionTime = async (tx: Transaction, tenantId: string, now: Date): Promise<Date> => {
  const [last] = await tx.query<{ at: Date }>(statements.lastDecided, [tenantId]);
  return last === undefined || last.at < now ? now : addMs(last.at, 1);
};

/** @returns false when the credit does not suffice. The credit of a change comes first: it may pay for the rest. */
const apply = async (tx: Transaction, effect: Effect, currency: string, now: Date): Promise<boolean> => {
  const { subscription, credit, charge, facts, act } = effect;
  const decidedAt = await decisionTime(tx, subscription.tenantId, now);
  if (credit !== undefined) await giveBack(tx, subscription, credit);
  if (charge !== undefined && !(await pay(tx, subscription, currency, charge, { now, decidedAt }))) return false;
  await write(tx, subscription, currency);
  await publish(tx, subscription, currency, facts, decidedAt);
  await publishCharge(tx, effect, currency, now);
  if (act !== undefined) {
    const { id: subscriptionId, tenantId } = subscription;
    await tx.query(statements.record, [act.id, tenantId, subscriptionId, act.from, act.to, act.operator, act.reason, now]);
  }
  return true;
};

export const postgresSubscriptions = (db: Database, currency: string): Subscriptions & PlanReader => {
  const changeIn = async (
    tx: Transaction,
    { tenantId, now }: { readonly tenantId: string; readonly now: Date },
    decide: DecidePlan,
  ): Promise<Subscription | undefined> => {
    await tx.query(statements.lockCurrent, [tenantId]);
    await tx.query(statements.lockWallet, [tenantId]);
    const [row] = await tx.query<SubscriptionSql>(statements.current, [tenantId]);
    const current = row && subscriptionOf(row);
    const notBefore =
      current === undefined ? (await tx.query<{ at: Date | null }>(statements.billedUntil, [tenantId]))[0]?.at : current.billed.start;
    const effect = decide(current, notBefore && notBefore > now ? notBefore : now);
    if (effect === undefined) return current;
    if (!(await apply(tx, effect, currency, now))) throw new CannotPay(effect.charge?.amountMicros ?? 0n);
    return effect.subscription;
  };

  const available = async (tenantId: string): Promise<bigint> => {
    const [row] = await db.query<{ available: bigint }>(statements.available, [tenantId, currency]);
    return row?.available ?? 0n;
  };

  return {
    knowsZone: (zone, now) => knowsZone(db, zone, now),

    current: async (tenantId) => {
      const [row] = await db.query<SubscriptionSql>(statements.current, [tenantId], { name: 'subscription-current' });
      return row && subscriptionOf(row);
    },

    change: async ({ tenantId, idempotencyKey, request, now }, decide): Promise<ChangeResult> => {
      let ran = false;
      try {
        const subscription = await db.transaction(async (tx) => {
          ran = false;
          await tx.query(statements.lockTenant, [tenantId]);
          const key = { tenantId, operation: 'billing.subscription', key: idempotencyKey, request };
          const answer = await withIdempotency(tx, key, async () => {
            ran = true;
            return { subscription: (await changeIn(tx, { tenantId, now }, decide)) ?? null };
          });
          return answer.subscription ?? undefined;
        });
        return { outcome: ran ? 'done' : 'replayed', subscription };
      } catch (error) {
        if (isAppError(error, 'request.idempotency_conflict')) return { outcome: 'idempotency_conflict' };
        if (!(error instanceof CannotPay)) throw error;
        return { outcome: 'insufficient_credit', availableMicros: await available(tenantId), requiredMicros: error.requiredMicros };
      }
    },

    decideFor: (tenantId, now, decide) =>
      db.transaction(async (tx) => {
        await tx.query(statements.lockTenant, [tenantId]);
        if ((await tx.query(statements.knowsTenant, [tenantId, currency])).length === 0) return false;
        await changeIn(tx, { tenantId, now }, decide);
        return true;
      }),

    acts: async (tenantId, limit) => {
      const rows = await db.em().find(PlanActRow, { tenantId }, { orderBy: { createdAt: 'desc', id: 'desc' }, limit });
      return rows.map(({ id, previousPlan: from, plan: to, operator, reason, createdAt: at }) => ({ id, from, to, operator, reason, at }));
    },

    renewNext: (now, leftOut, decide) =>
      db.transaction(async (tx) => {
        const [due] = await tx.query<{ tenant_id: string }>(statements.lockDue, [now, leftOut]);
        if (due === undefined) return undefined;
        const [row] = await tx.query<SubscriptionSql>(statements.current, [due.tenant_id]);
        if (row === undefined) throw new Error('a locked subscription is missing');
        const current = subscriptionOf(row);
        const renewal = decide(current);
        if (await apply(tx, renewal.effect, currency, now)) return renewal.effect.facts;
        if (renewal.kind === 'end') throw new Error('an end costs nothing');
        // It was tried early, because the credit seemed to suffice.
        const refused = current.state === 'past_due' && current.dueAt > now ? renewal.early : renewal.otherwise;
        await apply(tx, refused, currency, now);
        return refused.facts;
      }),

    periods: async (tenantId, { limit, cursor }) => {
      const after = datedCursor(cursor, 'uuid');
      const older =
        after === undefined ? {} : { $or: [{ startsAt: { $lt: after.at } }, { startsAt: after.at, id: { $lt: String(after.tie) } }] };
      const order = { orderBy: { startsAt: 'desc', id: 'desc' }, limit: limit + 1 } as const;
      const rows = await db.em().find(BilledPeriodRow, { tenantId, ...older }, order);
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      return { periods: rows.slice(0, limit).map(recordOf), nextCursor: last === undefined ? '' : encodeCursor([last.startsAt, last.id]) };
    },

    planOf: async (tenantId, at) => {
      const [row] = await db.query<{ plan: PlanId }>(statements.planAt, [tenantId, at], { name: 'plan-at' });
      return row?.plan ?? freePlan;
    },
  };
};

const recordOf = (row: BilledPeriodRow): PeriodRecord => ({
  id: row.id,
  planId: row.plan,
  interval: row.interval,
  start: row.startsAt,
  end: row.endsAt,
  amountMicros: row.amountMicros,
  creditedMicros: row.creditedMicros,
  currency: row.currency,
  createdAt: row.createdAt,
});
