import { type Database, type Transaction } from '#platform/postgres/index.ts';
import type { CaptureRefusal, Hold } from '../../../domain/hold.ts';
import { isProduct } from '../../../domain/ledger.ts';
import type {
  ChargeResult,
  ExhaustedBudget,
  HoldLedger,
  HoldReader,
  HoldSweep,
  PlaceHold,
  PlaceResult,
  ResolveResult,
} from '../../../app/ledger/ports.ts';
import { HoldRow } from './rows.ts';
import {
  captureCommand,
  chargeCommand,
  executeLedger,
  expireCommand,
  holdOfAnswer,
  type LedgerAnswer,
  type LedgerCommand,
  placeCommand,
  releaseCommand,
} from './execute.ts';
import { carveHolds } from './carve.ts';
import { fairBatcher } from './fair-batcher.ts';

/** By expiry alone: the sweeper works for every tenant. */
const dueSql = `select id, tenant_id from holds where state = 'held' and expires_at <= $1 order by expires_at limit $2`;

/** One batch at a time: while it commits, the next gathers. Under so much load that the next is full, two: one runs while the other commits. */
const batching = { maxBatch: 128, maxConcurrent: 2, maxWaiting: 10_000, maxWaitingPerTenant: 2_500 } as const;

/** A twin of a command, or another one about the same hold, gets its answer from what the first one left behind. */
const exclusivesOf = ({ kind, tenant, key, hold }: LedgerCommand): readonly string[] => [
  ...(key === undefined ? [] : [`${kind} ${tenant} ${key}`]),
  ...(hold === undefined ? [] : [hold]),
];

/** Holds over PostgreSQL: every command travels in a batch, see migrations/0012-batches.ts. */
export const postgresHolds = (db: Database): HoldLedger & HoldReader & HoldSweep => {
  const execute = fairBatcher<LedgerCommand, LedgerAnswer>({
    ...batching,
    tenantOf: ({ tenant }) => tenant,
    exclusivesOf,
    run: async (commands) => {
      const answers = await executeLedger(db, commands);
      if (answers.some(({ outcome }, at) => outcome === 'done' && commands[at]?.kind !== 'place')) db.signalOutbox();
      return answers;
    },
  });
  return {
    place: async (command) => placeResult(command, await execute(placeCommand(command))),
    carve: carveHolds(db),
    capture: async (command) => resolveResult(await execute(captureCommand(command))),
    release: async (command) => resolveResult(await execute(releaseCommand(command))),
    charge: async (command) => chargeResult(await execute(chargeCommand(command))),

    find: async (tenantId, id) => {
      const row = await db.em().findOne(HoldRow, { id, tenantId });
      return row === null ? undefined : holdOfEntity(row);
    },

    expireDue: (now, limit) => db.transaction((tx) => expireDue(tx, now, limit)),
  };
};

/** Two sweepers may pick the same holds; the wallets' locks let one of them expire each. */
const expireDue = async (tx: Transaction, now: Date, limit: number): Promise<number> => {
  const due = await tx.query<{ id: string; tenant_id: string }>(dueSql, [now, limit]);
  if (due.length === 0) return 0;
  const answers = await executeLedger(
    tx,
    due.map(({ id, tenant_id }) => expireCommand(tenant_id, id, now)),
  );
  tx.signalOutbox();
  return answers.filter(({ outcome }) => outcome === 'done').length;
};

/** A command that a budget refuses is answered with the budget in the hold's columns: migrations/0080-actors-and-budgets.ts. */
const exhaustedOf = (row: LedgerAnswer): ExhaustedBudget => ({
  id: row.id,
  name: row.description,
  product: isProduct(row.product) ? row.product : undefined,
  availableMicros: row.available ?? 0n,
  resetsAt: row.expires_at,
});

const placeResult = ({ holdId, amount, product, reference, description, expiresAt, now }: PlaceHold, row: LedgerAnswer): PlaceResult => {
  switch (row.outcome) {
    case 'done': {
      const money = { amountMicros: amount.micros, capturedMicros: 0n, currency: amount.currency };
      const hold: Hold = { id: holdId, state: 'held', ...money, product, reference, description, expiresAt, createdAt: now };
      return { outcome: 'done', hold };
    }
    case 'replayed':
      // As it was placed: parts of it may have become holds of their own since.
      return { outcome: 'replayed', hold: { ...holdOfAnswer(row), amountMicros: amount.micros } };
    case 'insufficient_credit':
      return { outcome: 'insufficient_credit', availableMicros: row.available ?? 0n };
    case 'budget_exhausted':
      return { outcome: 'budget_exhausted', budget: exhaustedOf(row) };
    default:
      return { outcome: row.outcome as Exclude<PlaceResult['outcome'], 'done' | 'replayed' | 'insufficient_credit' | 'budget_exhausted'> };
  }
};

const chargeResult = (row: LedgerAnswer): ChargeResult => {
  switch (row.outcome) {
    case 'done':
    case 'replayed':
      return { outcome: row.outcome, transferId: row.id };
    case 'insufficient_credit':
      return { outcome: 'insufficient_credit', availableMicros: row.available ?? 0n };
    case 'budget_exhausted':
      return { outcome: 'budget_exhausted', budget: exhaustedOf(row) };
    default:
      return { outcome: row.outcome as Exclude<ChargeResult['outcome'], 'done' | 'replayed' | 'insufficient_credit' | 'budget_exhausted'> };
  }
};

const resolveResult = (row: LedgerAnswer): ResolveResult =>
  row.outcome === 'done' || row.outcome === 'replayed'
    ? { outcome: row.outcome, hold: holdOfAnswer(row) }
    : { outcome: row.outcome as CaptureRefusal | 'not_found' | 'idempotency_conflict' };

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
