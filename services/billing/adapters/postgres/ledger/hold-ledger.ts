import { newId } from '#platform/ids/index.ts';
import { appError } from '#platform/errors/index.ts';
import { coalesce, type Database } from '#platform/postgres/index.ts';
import type { CaptureRefusal, Hold, HoldState } from '../../../domain/hold.ts';
import type { Product } from '../../../domain/ledger.ts';
import type { HoldLedger, HoldReader, HoldSweep, PlaceResult, ResolveResult } from '../../../app/ledger/ports.ts';
import { holdEvent } from './events.ts';
import { requestHash } from '../request-hash.ts';
import { HoldRow } from '../rows.ts';

export interface HoldAnswerRow {
  readonly outcome: string;
  readonly available_micros: bigint | null;
  readonly id: string;
  readonly state: HoldState;
  readonly amount_micros: bigint;
  readonly captured_micros: bigint;
  readonly currency: string;
  readonly product: Product;
  readonly reference: string;
  readonly description: string;
  readonly expires_at: Date;
  readonly created_at: Date;
}

/** Named, hence prepared once per connection: parsing and planning cost more than running. */
const statements = {
  // One call per item, in the order of tenants: two batches lock wallets in the same order. Answers keep the items' order.
  place: `select answer.* from (
      select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::timestamptz[], $11::boolean[], $12::timestamptz[]) with ordinality
        as i (id, tenant, key, hash, amount, currency, product, reference, description, expires, acceptable, now, ordinal)
      order by tenant, ordinal) i
    cross join lateral (
      select i.ordinal, placed.* from place_hold(i.id, i.tenant, i.key, i.hash, i.amount, i.currency, i.product, i.reference, i.description, i.expires, i.acceptable, i.now) placed
    ) answer`,
  capture: 'select * from capture_hold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)',
  release: 'select * from release_hold($1, $2, $3, $4, $5, $6, $7, $8)',
  due: `select id, tenant_id from holds where state = 'held' and expires_at <= $1 order by expires_at limit $2 for update skip locked`,
  expire: 'select expire_locked_holds($1, $2, $3, $4::jsonb[], $5)',
} as const;

type PlaceCommand = Parameters<HoldLedger['place']>[0];

const placeColumns = (commands: readonly PlaceCommand[]): unknown[] => {
  const column = <T>(of: (command: PlaceCommand) => T): T[] => commands.map(of);
  return [
    column(({ holdId }) => holdId),
    column(({ tenantId }) => tenantId),
    column(({ idempotencyKey }) => idempotencyKey),
    column(({ request }) => requestHash(request)),
    column(({ amount }) => amount.micros),
    column(({ amount }) => amount.currency),
    column(({ product }) => product),
    column(({ reference }) => reference),
    column(({ description }) => description),
    column(({ expiresAt }) => expiresAt),
    column(({ expiryAcceptable }) => expiryAcceptable),
    column(({ now }) => now),
  ];
};

/** Two batches at once: one commits while the other gathers. More would only wait for each other on a hot wallet. */
const placing = { maxBatch: 128, maxConcurrent: 1, maxWaiting: 5_000 } as const;

/** Holds over PostgreSQL: ledger functions, see migrations/0002-functions.ts. Placing is by group commit, the rest one call each. */
export const postgresHolds = (db: Database): HoldLedger & HoldReader & HoldSweep => ({
  place: coalesce({
    ...placing,
    run: async (commands) => {
      const rows = await db.query<HoldAnswerRow & { ordinal: bigint }>(statements.place, placeColumns(commands), { name: 'place_holds' });
      return rows.toSorted((a, b) => Number(a.ordinal - b.ordinal)).map(placeResult);
    },
  }),

  capture: async ({ holdId, tenantId, idempotencyKey, request, amount, final, now }) => {
    const captured = holdEvent('holdCaptured', tenantId, holdId, now);
    const released = holdEvent('holdReleased', tenantId, holdId, now);
    const command = [holdId, tenantId, idempotencyKey, requestHash(request), amount.micros, amount.currency, final, now, newId()];
    const outbox = [captured.id, captured.subject, captured.headers, released.id, released.subject, released.headers];
    const row = first(await db.query<HoldAnswerRow>(statements.capture, [...command, ...outbox], { name: 'capture_hold' }));
    if (row.outcome === 'done') db.signalOutbox();
    return resolveResult(row);
  },

  release: async ({ holdId, tenantId, idempotencyKey, request, now }) => {
    const { id, subject, headers } = holdEvent('holdReleased', tenantId, holdId, now);
    const params = [holdId, tenantId, idempotencyKey, requestHash(request), now, id, subject, headers];
    const row = first(await db.query<HoldAnswerRow>(statements.release, params, { name: 'release_hold' }));
    if (row.outcome === 'done') db.signalOutbox();
    return resolveResult(row);
  },

  find: async (tenantId, id) => {
    const row = await db.em().findOne(HoldRow, { id, tenantId });
    return row === null ? undefined : holdOfEntity(row);
  },

  expireDue: (now, limit) =>
    db.transaction(async (tx) => {
      const due = await tx.query<{ id: string; tenant_id: string }>(statements.due, [now, limit]);
      if (due.length === 0) return 0;
      const parts = due.map(({ id, tenant_id }) => holdEvent('holdExpired', tenant_id, id, now));
      const columns = [due.map(({ id }) => id), parts.map(({ id }) => id), parts[0]?.subject, parts.map(({ headers }) => headers)];
      await tx.query(statements.expire, [...columns, now]);
      tx.afterCommit(() => db.signalOutbox());
      return due.length;
    }),
});

const placeResult = (row: HoldAnswerRow): PlaceResult => {
  switch (row.outcome) {
    case 'done':
    case 'replayed':
      return { outcome: row.outcome, hold: holdOf(row) };
    case 'insufficient_credit':
      return { outcome: 'insufficient_credit', availableMicros: row.available_micros ?? 0n };
    case 'expiry_refused':
      return { outcome: 'expiry_refused' };
    default:
      return { outcome: 'idempotency_conflict' };
  }
};

const resolveResult = (row: HoldAnswerRow): ResolveResult =>
  row.outcome === 'done' || row.outcome === 'replayed'
    ? { outcome: row.outcome, hold: holdOf(row) }
    : { outcome: row.outcome as CaptureRefusal | 'not_found' | 'idempotency_conflict' };

const holdOf = (row: HoldAnswerRow): Hold => ({
  id: row.id,
  state: row.state,
  amountMicros: row.amount_micros,
  capturedMicros: row.captured_micros,
  currency: row.currency,
  product: row.product,
  reference: row.reference,
  description: row.description,
  expiresAt: row.expires_at,
  createdAt: row.created_at,
});

const holdOfEntity = (row: HoldRow): Hold => ({
  id: row.id,
  state: row.state,
  amountMicros: row.amountMicros,
  capturedMicros: row.capturedMicros,
  currency: row.currency,
  product: row.product,
  reference: row.reference,
  description: row.description,
  expiresAt: row.expiresAt,
  createdAt: row.createdAt,
});

const first = <Row>(rows: readonly Row[]): Row => {
  const [row] = rows;
  if (row === undefined) throw appError('platform.internal', { cause: 'a ledger function answered nothing' });
  return row;
};
