import { newId } from '#platform/ids/index.ts';
import type { Database, Queryable } from '#platform/postgres/index.ts';
import type {
  CarveResult,
  ChargeResult,
  HoldFact,
  HoldLedger,
  HoldSettlement,
  HoldSweep,
  PlaceResult,
  ResolveResult,
  Settled,
} from '../../app/ledger/ports.ts';
import { requestHash } from '../../adapters/postgres/request-hash.ts';
import { postgresHolds } from '../../adapters/postgres/ledger/hold-ledger.ts';
import { postgresWallets } from '../../adapters/postgres/ledger/wallets.ts';
import type { CaptureRefusal, Hold, HoldState } from '../../domain/hold.ts';
import type { Product } from '../../domain/ledger.ts';
import { type BooksUnderTest, underTest } from './books.contract.ts';

/**
 * The ledger one command at a time: the functions of migration 0002, a transaction each. Slow and plain, and written before
 * the batches and apart from them: what both answer alike is unlikely to be wrong in the same way.
 */
export const plainBooks = (db: Database): BooksUnderTest => {
  /** Expired credit goes before anything is reserved or charged, as everywhere. */
  const lapse = (tx: Queryable, tenantId: string, now: Date) =>
    tx.query(`select lapse_credit(id, $2) from accounts where tenant_id = $1 and credit_expires_at <= $2`, [tenantId, now]);

  const holds: HoldLedger & HoldSweep & HoldSettlement = {
    place: (command): Promise<PlaceResult> =>
      db.transaction(async (tx) => {
        const { holdId, tenantId, idempotencyKey, request, amount, product, reference, description, expiresAt, expiryAcceptable, now } =
          command;
        await lapse(tx, tenantId, now);
        const row = first(
          await tx.query<Row>('select * from place_hold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)', [
            ...[holdId, tenantId, idempotencyKey, requestHash(request), amount.micros, amount.currency, product, reference, description],
            ...[expiresAt, expiryAcceptable, now],
          ]),
        );
        if (row.outcome === 'insufficient_credit') return { outcome: row.outcome, availableMicros: row.available_micros ?? 0n };
        const result = resolved(row) as PlaceResult;
        return result.outcome === 'replayed' ? { ...result, hold: { ...result.hold, amountMicros: amount.micros } } : result;
      }),

    carve: (command): Promise<CarveResult> =>
      db.transaction(async (tx): Promise<CarveResult> => {
        const { holdId, fromHoldId, tenantId, idempotencyKey, request, amount, product, reference, description, expiresAt } = command;
        await tx.query(`select 1 from accounts where tenant_id = $1 and kind = 'wallet' for update`, [tenantId]);
        const hash = requestHash(request);
        const money = { amountMicros: amount.micros, capturedMicros: 0n, currency: amount.currency };
        const asMade = { state: 'held', ...money, product, reference, description } as const;
        const [before] = await tx.query<{ id: string; request_hash: Buffer; first_expires_at: Date; created_at: Date }>(
          'select * from holds where tenant_id = $1 and idempotency_key = $2',
          [tenantId, idempotencyKey],
        );
        if (before !== undefined && !before.request_hash.equals(hash)) return { outcome: 'idempotency_conflict' };
        if (before !== undefined)
          return {
            outcome: 'replayed',
            hold: { id: before.id, ...asMade, expiresAt: before.first_expires_at, createdAt: before.created_at },
          };
        if (!command.expiryAcceptable) return { outcome: 'expiry_refused' };
        const [whole] = await tx.query<Row>('select * from holds where id = $1 and tenant_id = $2 for update', [fromHoldId, tenantId]);
        if (whole === undefined) return { outcome: 'not_found' };
        if (whole.state !== 'held') return { outcome: `hold_${whole.state}` };
        if (whole.captured_micros > 0n) return { outcome: 'hold_captured' };
        if (whole.amount_micros < amount.micros) return { outcome: 'capture_exceeds_hold' };
        await tx.query('update holds set amount_micros = amount_micros - $2, carved_micros = carved_micros + $2 where id = $1', [
          fromHoldId,
          amount.micros,
        ]);
        await tx.query(
          `insert into holds (id, tenant_id, amount_micros, currency, product, reference, description, expires_at, first_expires_at, created_at,
                              idempotency_key, request_hash, from_hold_id) values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12)`,
          [
            ...[holdId, tenantId, amount.micros, amount.currency, product, reference, description, expiresAt, whole.created_at],
            ...[idempotencyKey, hash, fromHoldId],
          ],
        );
        return { outcome: 'done', hold: { id: holdId, ...asMade, expiresAt, createdAt: whole.created_at } };
      }),

    charge: (command): Promise<ChargeResult> =>
      db.transaction(async (tx): Promise<ChargeResult> => {
        const { transferId, tenantId, idempotencyKey, request, amount, product, reference, description, now } = command;
        const type = product === 'usage' || product === 'subscription' ? product : 'charge';
        const [wallet] = await tx.query<{ id: string }>(
          `select id from accounts where tenant_id = $1 and currency = $2 and kind = 'wallet' for update`,
          [tenantId, amount.currency],
        );
        if (wallet === undefined) return { outcome: 'insufficient_credit', availableMicros: 0n };
        await lapse(tx, tenantId, now);
        const hash = requestHash(request);
        const [before] = await tx.query<{ id: string; request_hash: Buffer }>(
          `select id, request_hash from transfers where tenant_id = $1 and type in ('charge', 'subscription', 'usage') and idempotency_key = $2`,
          [tenantId, idempotencyKey],
        );
        if (before !== undefined)
          return before.request_hash.equals(hash) ? { outcome: 'replayed', transferId: before.id } : { outcome: 'idempotency_conflict' };
        const [posted] = await tx.query<{ done: boolean }>(
          `select post_to_wallet($1, $2, $3, $4, 0, $5, 'revenue', $6, $7, $8, null, null, $9, $10, $11) as done`,
          [transferId, tenantId, amount.currency, -amount.micros, type, product, description, reference, idempotencyKey, hash, now],
        );
        if (posted?.done === true) return { outcome: 'done', transferId };
        const [free] = await tx.query<{ micros: bigint }>('select balance_micros - held_micros as micros from accounts where id = $1', [
          wallet.id,
        ]);
        return { outcome: 'insufficient_credit', availableMicros: free?.micros ?? 0n };
      }),

    capture: async ({ holdId, tenantId, idempotencyKey, request, amount, final, now }): Promise<ResolveResult> =>
      resolved(
        first(
          await db.query<Row>(`select * from capture_hold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'plain', '{}', $11, 'plain', '{}')`, [
            ...[holdId, tenantId, idempotencyKey, requestHash(request), amount.micros, amount.currency, final, now],
            ...[newId(), newId(), newId()],
          ]),
        ),
      ) as ResolveResult,

    release: async ({ holdId, tenantId, idempotencyKey, request, now }): Promise<ResolveResult> =>
      resolved(
        first(
          await db.query<Row>(`select * from release_hold($1, $2, $3, $4, $5, $6, 'plain', '{}')`, [
            ...[holdId, tenantId, idempotencyKey, requestHash(request), now, newId()],
          ]),
        ),
      ) as ResolveResult,

    settle: async (facts) => {
      const settled: Settled[] = [];
      for (const fact of facts) settled.push(await db.transaction((tx) => settleOne(tx, fact)));
      return settled;
    },

    expireDue: (now, limit) =>
      db.transaction(async (tx) => {
        const due = await tx.query<{ id: string }>(
          `select id from holds where state = 'held' and expires_at <= $1 order by expires_at limit $2 for update skip locked`,
          [now, limit],
        );
        if (due.length === 0) return 0;
        const ids = due.map(({ id }) => id);
        const headers = due.map(() => '{}');
        await tx.query(`select expire_locked_holds($1, $2, 'plain', $3::jsonb[], $4)`, [ids, ids.map(() => newId()), headers, now]);
        return due.length;
      }),
  };

  const settleOne = async (tx: Queryable, fact: HoldFact): Promise<Settled> => {
    const { holdId, tenantId, now } = fact;
    if (fact.kind === 'give_back') {
      const sql = `select * from release_hold($1, $2, null, null, $3, $4, 'plain', '{}')`;
      return { found: first(await tx.query<Row>(sql, [holdId, tenantId, now, newId()])).outcome !== 'not_found' };
    }
    await lapse(tx, tenantId, now);
    const [row] = await tx.query<Record<string, never>>('select * from collect_charge($1, $2, $3, $4, $5, $6, $7)', [
      ...[holdId, tenantId, fact.upToMicros, fact.final, now, newId(), newId()],
    ]);
    if (row === undefined) return { found: false };
    const hold = Object.fromEntries(Object.entries(row).map(([name, value]) => [name.replace('answer_', ''), value])) as Record<
      string,
      never
    >;
    return {
      found: true,
      collection: {
        hold: holdOf({ ...hold, amount_micros: hold['amount'], captured_micros: hold['captured'] } as unknown as Row),
        late: { totalMicros: row['answer_total']!, collectedMicros: row['answer_collected']!, owedMicros: row['answer_owed']! },
        capturedNowMicros: row['captured_now']!,
        collectedNowMicros: row['collected_now']!,
        giveBackMicros: row['give_back']!,
      },
    };
  };

  return underTest({ ...postgresWallets(db), ...holds, find: postgresHolds(db).find });
};

interface Row {
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

const first = (rows: readonly Row[]): Row => {
  const [row] = rows;
  if (row === undefined) throw new Error('a ledger function answered nothing');
  return row;
};

type Refusal = CaptureRefusal | 'not_found' | 'idempotency_conflict' | 'expiry_refused';
const resolved = (row: Row): { outcome: 'done' | 'replayed'; hold: Hold } | { outcome: Refusal } =>
  row.outcome === 'done' || row.outcome === 'replayed' ? { outcome: row.outcome, hold: holdOf(row) } : { outcome: row.outcome as Refusal };

const holdOf = (row: Row): Hold => ({
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
