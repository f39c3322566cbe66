import { newId } from '#platform/ids/index.ts';
import { publishEvent } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { HoldSettlement } from '../../../app/ledger/ports.ts';
import type { Collection, HoldState } from '../../../domain/hold.ts';
import type { Product } from '../../../domain/ledger.ts';
import { holdEvent } from './events.ts';

interface CollectRow {
  readonly answer_id: string;
  readonly answer_state: HoldState;
  readonly answer_amount: bigint;
  readonly answer_captured: bigint;
  readonly answer_currency: string;
  readonly answer_product: Product;
  readonly answer_reference: string;
  readonly answer_description: string;
  readonly answer_expires_at: Date;
  readonly answer_created_at: Date;
  readonly answer_version: bigint;
  readonly answer_total: bigint;
  readonly answer_collected: bigint;
  readonly answer_owed: bigint;
  readonly captured_now: bigint;
  readonly collected_now: bigint;
  readonly give_back: bigint;
}

const statements = {
  collect: 'select * from collect_charge($1, $2, $3, $4, $5, $6, $7)',
  release: 'select outcome from release_hold($1, $2, null, null, $3, $4, $5, $6)',
  // By primary key alone: with the tenant beside it, a plan made while the table is small walks all holds of the tenant.
  // Mostly there is nothing to move, so nothing is locked; a hold that is resolved meanwhile stays as it is.
  extend: `with hold as materialized (select id, tenant_id, state, expires_at from holds where id = $1),
    moved as (
      update holds set expires_at = greatest(expires_at, $3), version = version + 1
       where id = (select id from hold where tenant_id = $2 and state = 'held' and expires_at < $3) and state = 'held')
    select 1 as found from hold where tenant_id = $2`,
} as const;

/** Consequences of other services' facts, inside the consumer's transaction. */
export const postgresHoldSettlement = (tx: Transaction): HoldSettlement => ({
  collect: async ({ tenantId, holdId, upToMicros, final, now }) => {
    const params = [holdId, tenantId, upToMicros, final, now, newId(), newId()];
    const [row] = await tx.query<CollectRow>(statements.collect, params, { name: 'collect_charge' });
    if (row === undefined) return undefined;
    await publishCollection(tx, tenantId, row, now);
    return collectionOf(row);
  },

  giveBack: async ({ tenantId, holdId, now }) => {
    const { id, subject, headers } = holdEvent('holdReleased', tenantId, holdId, now);
    const [row] = await tx.query<{ outcome: string }>(statements.release, [holdId, tenantId, now, id, subject, headers], {
      name: 'give_back_hold',
    });
    return row !== undefined && row.outcome !== 'not_found';
  },

  extend: async ({ tenantId, holdId, expiresAt }) =>
    (await tx.query(statements.extend, [holdId, tenantId, expiresAt], { name: 'extend_hold' })).length === 1,
});

/** One fact per movement: taken from the hold, given back, taken late from the free balance. Versions in that order. */
const publishCollection = async (tx: Transaction, tenantId: string, row: CollectRow, occurredAt: Date): Promise<void> => {
  const common = { tenantId, aggregateId: row.answer_id, occurredAt };
  const about = { holdId: row.answer_id, product: row.answer_product, reference: row.answer_reference };
  const usd = (micros: bigint) => money(row.answer_currency, micros);
  const captured = (amount: bigint, total: bigint, aggregateVersion: bigint) =>
    publishEvent(tx, events.billing.holdCaptured, {
      ...common,
      aggregateVersion,
      payload: { ...about, amount: usd(amount), capturedTotal: usd(total) },
    });
  const version = row.answer_version;
  const before = row.answer_collected - row.collected_now;
  if (row.captured_now > 0n) await captured(row.captured_now, row.answer_captured + before, version - 2n);
  if (row.give_back > 0n)
    await publishEvent(tx, events.billing.holdReleased, {
      ...common,
      aggregateVersion: version - 1n,
      payload: { ...about, amount: usd(row.give_back) },
    });
  if (row.collected_now > 0n) await captured(row.collected_now, row.answer_captured + row.answer_collected, version);
};

const collectionOf = (row: CollectRow): Collection => ({
  hold: {
    id: row.answer_id,
    state: row.answer_state,
    amountMicros: row.answer_amount,
    capturedMicros: row.answer_captured,
    currency: row.answer_currency,
    product: row.answer_product,
    reference: row.answer_reference,
    description: row.answer_description,
    expiresAt: row.answer_expires_at,
    createdAt: row.answer_created_at,
  },
  late: { totalMicros: row.answer_total, collectedMicros: row.answer_collected, owedMicros: row.answer_owed },
  capturedNowMicros: row.captured_now,
  collectedNowMicros: row.collected_now,
  giveBackMicros: row.give_back,
});
