import type { Database, Transaction } from '#platform/postgres/index.ts';
import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import type { Adjustment, BalanceStore } from '../../../app/balance/ports.ts';
import { type Baseline, carriedDrift, type Movements, reconcile } from '../../../domain/balance/reconcile.ts';

/** From then on every claim is settled and every lost purchase found: facts of the time before do not change any more. */
const settledMs = 25 * hourMs;
/** Older than this, another baseline is taken: no reading counts more than so much. */
const baselineMs = 26 * hourMs;
const keptMs = 90 * dayMs;

/** Over all tenants: there is one account. $2 < t <= $3. */
const movementsSql = `
select
  (coalesce((select sum(provider_cost_micros) from verifications
     where created_at > $2 and created_at <= $3 and provider = $1 and activation_id is not null), 0)
   + coalesce((select sum(cost_micros) from provider_settlements
     where ended_at > $2 and ended_at <= $3 and provider = $1 and origin = 'stray'), 0)
   + coalesce((select sum(o.cost_micros) from rental_orders o join rentals r on r.id = o.rental_id
     where o.asked_at > $2 and o.asked_at <= $3 and r.provider = $1 and o.state in ('capturing', 'charged', 'refunding', 'refunded')), 0))::bigint as costs,
  coalesce((select sum(cost_micros) from provider_settlements
    where ended_at > $2 and ended_at <= $3 and provider = $1 and state = 'refunded'), 0)::bigint as refunds,
  (coalesce((select sum(cost_micros) from provider_settlements
     where ended_at > $2 and ended_at <= $3 and provider = $1 and state = 'claimed'), 0)
   + coalesce((select sum(o.cost_micros) from rental_orders o join rentals r on r.id = o.rental_id
     where o.asked_at > $2 and o.asked_at <= $3 and r.provider = $1 and o.state in ('refunding', 'refunded')), 0))::bigint as claimed,
  coalesce((select sum(price_micros) from verifications where state in ('reserving', 'unknown') and provider = $1), 0)::bigint as pending,
  coalesce((select sum(amount_micros) from provider_adjustments where provider = $1 and happened_at > $2 and happened_at <= $3), 0)::bigint as adjustments`;

interface BaselineRow {
  readonly at: Date;
  readonly balance_micros: bigint;
  readonly drift_micros: bigint;
}

const movements = async (tx: Transaction, provider: string, from: Date, to: Date): Promise<Movements> => {
  const [row] = await tx.query<Movements>(movementsSql, [provider, from, to]);
  if (row === undefined) throw new Error('sums have a row');
  return row;
};

/** The first reading is where counting begins; an old baseline gives way to a newer reading whose facts are all known by now. */
const baselineAt = async (tx: Transaction, provider: string, reading: { micros: bigint; at: Date }): Promise<Baseline> => {
  await tx.query(
    'insert into provider_baselines (provider, at, balance_micros, drift_micros) values ($1, $2, $3, 0) on conflict do nothing',
    [provider, reading.at, reading.micros],
  );
  const [row] = await tx.query<BaselineRow>(
    'select at, balance_micros, drift_micros from provider_baselines where provider = $1 for update',
    [provider],
  );
  if (row === undefined) throw new Error('a baseline that was just written is there');
  const base: Baseline = { at: row.at, balanceMicros: row.balance_micros, driftMicros: row.drift_micros };
  if (base.at >= addMs(reading.at, -baselineMs)) return base;
  const [newer] = await tx.query<{ read_at: Date; balance_micros: bigint }>(
    'select read_at, balance_micros from provider_balances where provider = $1 and read_at > $2 and read_at <= $3 order by read_at desc limit 1',
    [provider, base.at, addMs(reading.at, -settledMs)],
  );
  if (newer === undefined) return base;
  const driftMicros = carriedDrift(base, newer.balance_micros, await movements(tx, provider, base.at, newer.read_at));
  await tx.query('update provider_baselines set at = $2, balance_micros = $3, drift_micros = $4 where provider = $1', [
    ...[provider, newer.read_at, newer.balance_micros, driftMicros],
  ]);
  return { at: newer.read_at, balanceMicros: newer.balance_micros, driftMicros };
};

interface AdjustmentRow {
  readonly id: string;
  readonly provider: string;
  readonly kind: Adjustment['kind'];
  readonly amount_micros: bigint;
  readonly reference: string;
  readonly note: string;
  readonly happened_at: Date;
  readonly recorded_at: Date;
  readonly recorded_by: string;
}

const adjustmentOf = (row: AdjustmentRow): Adjustment => ({
  ...{ id: row.id, provider: row.provider, kind: row.kind, amountMicros: row.amount_micros, reference: row.reference, note: row.note },
  ...{ happenedAt: row.happened_at, recordedAt: row.recorded_at, recordedBy: row.recorded_by },
});

/** Accounts at providers in PostgreSQL. Two replicas that reconcile at once do it one after the other, on the baseline's row. */
export const createBalanceStore = (db: Database): BalanceStore => ({
  reconcile: (provider, reading, rules) =>
    db.transaction(async (tx) => {
      const base = await baselineAt(tx, provider, reading);
      if (reading.at < base.at) return undefined;
      const result = reconcile(base, reading.micros, await movements(tx, provider, base.at, reading.at), rules);
      const figures = [reading.at, result.expectedMicros, result.driftMicros, result.limitMicros];
      await tx.query(
        `insert into provider_balances (provider, read_at, expected_micros, drift_micros, limit_micros, balance_micros)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
        [provider, ...figures, reading.micros],
      );
      await tx.query(
        `insert into provider_states as p (provider, reconciled_at, expected_micros, drift_micros, drift_limit_micros) values ($1, $2, $3, $4, $5)
         on conflict (provider) do update set reconciled_at = $2, expected_micros = $3, drift_micros = $4, drift_limit_micros = $5
         where p.reconciled_at is null or p.reconciled_at <= $2`,
        [provider, ...figures],
      );
      await tx.query('delete from provider_balances where provider = $1 and read_at < $2', [provider, addMs(reading.at, -keptMs)]);
      return result;
    }),
  record: async ({ id, provider, kind, amountMicros, reference, note, happenedAt, recordedAt, recordedBy }) => {
    await db.query(
      `insert into provider_adjustments (id, provider, kind, amount_micros, reference, note, happened_at, recorded_at, recorded_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict on constraint provider_adjustments_once do nothing`,
      [id, provider, kind, amountMicros, reference, note, happenedAt, recordedAt, recordedBy],
    );
    const [row] = await db.query<AdjustmentRow>('select * from provider_adjustments where provider = $1 and reference = $2', [
      ...[provider, reference],
    ]);
    if (row === undefined) throw new Error('what was just written is there');
    return adjustmentOf(row);
  },
  list: async ({ provider, before, limit }) => {
    const rows = await db.query<AdjustmentRow>(
      'select * from provider_adjustments where provider = $1 and ($2::uuid is null or id < $2) order by id desc limit $3',
      [provider, before ?? null, limit],
    );
    return rows.map(adjustmentOf);
  },
});
