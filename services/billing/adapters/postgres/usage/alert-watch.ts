import { publishEvent } from '#platform/messaging/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { AlertFindings, AlertWatch, WatchedAlert } from '../../../app/alerts/ports.ts';
import { walletCurrency } from '../../../domain/ledger.ts';
import { formatValue, type Observation } from '../../../domain/usage-alerts.ts';
import { alertOf } from './alerts.ts';
import { UsageAlertRow } from './rows.ts';

/**
 * What there is to see for alerts whose value differs from what they saw. Usage and budgets have one value per period: that of the period seen last
 * comes once more before that of the next one, so that its last minutes are not lost; one before it does not come again, whatever the
 * clock of who looks. A balance has one value per entry: all of
 * them, so that a dip between two looks is seen.
 */
const values = `
  select a.id, p.id::text as scope, 0::bigint as sequence, p.starts_at as since, $1::timestamptz as at,
         least(case a.metric when 'usage_quantity' then q.quantity when 'usage_amount' then q.amount
                             else trunc(q.quantity * 10000 / nullif(q.included, 0)) end, 9000000000000000000)::bigint as value
    from usage_alerts a
    cross join lateral (
      (select u.id, u.starts_at from usage_periods u where u.tenant_id = a.tenant_id
         and u.starts_at <= greatest($1, (select s.starts_at from usage_periods s where s.id = a.seen_scope::uuid)) order by u.starts_at desc limit 1)
      union
      (select u.id, u.starts_at from usage_periods u where u.id = a.seen_scope::uuid and u.tenant_id = a.tenant_id)) p
    cross join lateral (
      select coalesce(sum(t.quantity), 0) as quantity, coalesce(sum(t.rated_micros), 0)::numeric as amount, max(t.included) as included
        from usage_totals t where t.tenant_id = a.tenant_id and t.period_id = p.id and a.meter in ('', t.meter)) q
   where a.enabled and a.metric in ('usage_quantity', 'usage_amount', 'included_percent') and ($2::uuid[] is null or a.id = any($2))
  union all
  select a.id, extract(epoch from w.starts_at)::bigint::text, 0, w.starts_at, $1::timestamptz,
         least(trunc(w.spent_micros::numeric * 10000 / b.amount_micros), 9000000000000000000)::bigint
    from usage_alerts a join budgets b on b.id = a.budget_id
    join budget_windows w on w.budget_id = b.id
     and w.starts_at = any(array[greatest(budget_window(b.interval, b.zone, $1), to_timestamp(a.seen_scope::bigint)), to_timestamp(a.seen_scope::bigint)])
   where a.enabled and a.metric = 'budget_percent' and ($2::uuid[] is null or a.id = any($2))
  union all
  select a.id, '', e.account_sequence, e.created_at, e.created_at, e.balance_after_micros
    from usage_alerts a join accounts w on w.kind = 'wallet' and w.tenant_id = a.tenant_id and w.currency = $3
    cross join lateral (
      select n.account_sequence, n.created_at, n.balance_after_micros from entries n
       where n.account_id = w.id and n.account_sequence is not null and n.created_at >= a.seen_at and n.account_sequence > a.seen_sequence
       order by n.created_at, n.account_sequence limit 200) e
   where a.enabled and a.metric = 'wallet_balance' and w.entry_count > a.seen_sequence and ($2::uuid[] is null or a.id = any($2))`;

const changed = `from (${values}) v join usage_alerts a on a.id = v.id
  where v.value is not null and (a.metric = 'wallet_balance' or (v.scope, v.value) is distinct from (a.seen_scope, a.seen_value))`;
export const candidatesSql = `select distinct v.id ${changed} limit $4`;
/** Locked first, looked at afterwards: what another replica has just noted is then seen. */
const lockSql = 'select id from usage_alerts where id = any($1) and enabled order by id for update skip locked';
const observeSql = `select v.id, v.scope, v.sequence, v.at, v.value ${changed} order by v.id, v.since, v.sequence`;
const saveSql = `update usage_alerts
  set seen_scope = $2, seen_value = $3, seen_sequence = coalesce($4, seen_sequence), seen_at = coalesce($5, seen_at), fired = $6, last_fired_at = coalesce($7, last_fired_at)
  where id = $1`;
const historySql = `insert into usage_alert_events (alert_id, number, tenant_id, scope, threshold, value, occurred_at)
  select $1, number, $2, scope, threshold, value, at
    from unnest($3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[]) as c (number, scope, threshold, value, at)`;

interface SeenRow {
  readonly id: string;
  readonly scope: string;
  readonly sequence: bigint;
  readonly at: Date;
  readonly value: bigint;
}

const keep = async (
  tx: Transaction,
  { watched: { alert }, state, crossings, consumed }: AlertFindings,
  seen: readonly SeenRow[],
): Promise<void> => {
  const last = alert.metric === 'wallet_balance' ? seen[consumed - 1] : undefined;
  const place = [last?.sequence ?? null, last?.at ?? null];
  await tx.query(saveSql, [alert.id, state.scope ?? null, state.value ?? null, ...place, state.fired, crossings.at(-1)?.at ?? null]);
  if (crossings.length === 0) return;
  await tx.query(historySql, [
    alert.id,
    alert.tenantId,
    crossings.map(({ number }) => number),
    crossings.map(({ scope }) => scope),
    crossings.map(({ threshold }) => threshold),
    crossings.map(({ value }) => value),
    crossings.map(({ at }) => at),
  ]);
  for (const { number, threshold, value, at } of crossings)
    await publishEvent(tx, events.billing.usageAlertCrossed, {
      ...{ tenantId: alert.tenantId, aggregateId: alert.id, aggregateVersion: number, occurredAt: at },
      payload: {
        ...{ alertId: alert.id, name: alert.name, metric: alert.metric, meter: alert.meter ?? '', direction: alert.direction, number },
        threshold: formatValue(alert.metric, threshold),
        value: formatValue(alert.metric, value),
      },
    });
};

export const postgresAlertWatch = (db: Database): AlertWatch => ({
  look: (now, limit, judge) =>
    db.transaction(async (tx) => {
      const candidates = await tx.query<{ id: string }>(candidatesSql, [now, null, walletCurrency, limit]);
      if (candidates.length === 0) return 0;
      const locked = (await tx.query<{ id: string }>(lockSql, [candidates.map(({ id }) => id)])).map(({ id }) => id);
      if (locked.length === 0) return 0;
      const seenBy = Map.groupBy(await tx.query<SeenRow>(observeSql, [now, locked, walletCurrency]), ({ id }) => id);
      for (const row of await tx.em.find(UsageAlertRow, { id: { $in: locked } }, { disableIdentityMap: true })) {
        const seen = seenBy.get(row.id) ?? [];
        if (seen.length === 0) continue;
        const watched: WatchedAlert = {
          alert: alertOf(row),
          state: { scope: row.seenScope ?? undefined, value: row.seenValue ?? undefined, fired: row.fired, firedBefore: row.firedBefore },
          observations: seen.map(({ scope, value, at }): Observation => ({ scope, value, at })),
        };
        await keep(tx, judge(watched), seen);
      }
      return locked.length;
    }),
});
