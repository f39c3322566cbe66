import { newId } from '#platform/ids/index.ts';
import { appError } from '#platform/errors/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { CaptureRefusal, Hold, HoldState } from '../../domain/hold.ts';
import type { Product } from '../../domain/ledger.ts';
import type { HoldLedger, HoldReader, HoldSweep, PlaceResult, ResolveResult } from '../../app/ports.ts';
import { holdEvent } from './events.ts';
import { requestHash } from './request-hash.ts';
import { HoldRow } from './rows.ts';

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
  place: 'select * from place_hold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)',
  capture: 'select * from capture_hold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)',
  release: 'select * from release_hold($1, $2, $3, $4, $5, $6, $7, $8)',
  due: `select id, tenant_id from holds where state = 'held' and expires_at <= $1 order by expires_at limit $2 for update skip locked`,
  expire: 'select expire_locked_holds($1, $2, $3, $4::jsonb[], $5)',
} as const;

/** Holds over PostgreSQL: one call of a ledger function each, see migrations/0002-functions.ts. */
export const postgresHolds = (db: Database): HoldLedger & HoldReader & HoldSweep => ({
  place: async ({
    holdId,
    tenantId,
    idempotencyKey,
    request,
    amount,
    product,
    reference,
    description,
    expiresAt,
    expiryAcceptable,
    now,
  }) => {
    const keyed = [holdId, tenantId, idempotencyKey, requestHash(request)];
    const params = [...keyed, amount.micros, amount.currency, product, reference, description, expiresAt, expiryAcceptable, now];
    return placeResult(first(await db.query<HoldAnswerRow>(statements.place, params, { name: 'place_hold' })));
  },

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
