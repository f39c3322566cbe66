import { appError } from '#platform/errors/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { CarveHold, CarveResult } from '../../../app/ledger/ports.ts';
import type { Hold } from '../../../domain/hold.ts';
import type { Product } from '../../../domain/ledger.ts';
import { requestHash } from '../request-hash.ts';
import { fairBatcher } from './fair-batcher.ts';

interface Answer {
  readonly ordinal: number;
  readonly outcome: string;
  readonly id: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly product: Product;
  readonly reference: string;
  readonly description: string;
  readonly expires_at: Date;
  readonly created_at: Date;
}

const batching = { maxBatch: 128, maxConcurrent: 1, maxWaiting: 10_000, maxWaitingPerTenant: 2_500 } as const;

const commandOf = (command: CarveHold, ordinal: number) => ({
  ordinal,
  tenant: command.tenantId,
  currency: command.amount.currency,
  key: command.idempotencyKey,
  hash: `\\x${requestHash(command.request).toString('hex')}`,
  // Decimal text: JSON numbers do not hold every bigint.
  amount: String(command.amount.micros),
  hold: command.holdId,
  whole: command.fromHoldId,
  product: command.product,
  reference: command.reference,
  description: command.description,
  expires: command.expiresAt,
  acceptable: command.expiryAcceptable,
  quote: command.quoteId ?? null,
  actor: command.actor ?? null,
});

/** As it was when it was made, whatever has become of it since. */
const holdOf = (row: Answer): Hold => ({
  id: row.id,
  state: 'held',
  amountMicros: row.amount,
  capturedMicros: 0n,
  currency: row.currency,
  product: row.product,
  reference: row.reference,
  description: row.description,
  expiresAt: row.expires_at,
  createdAt: row.created_at,
});

const resultOf = (row: Answer): CarveResult =>
  row.outcome === 'done' || row.outcome === 'replayed'
    ? { outcome: row.outcome, hold: holdOf(row) }
    : { outcome: row.outcome as Exclude<CarveResult['outcome'], 'done' | 'replayed'> };

/** Parts of holds, in batches: see migrations/0100-hold-parts.ts. */
export const carveHolds = (db: Database): ((command: CarveHold) => Promise<CarveResult>) => {
  const execute = fairBatcher<CarveHold, Answer>({
    ...batching,
    tenantOf: ({ tenantId }) => tenantId,
    exclusivesOf: () => [],
    run: async (commands) => {
      const rows = await db.query<Answer>('select * from carve_holds($1)', [JSON.stringify(commands.map(commandOf))], {
        name: 'carve_holds',
      });
      if (rows.length !== commands.length) throw appError('platform.internal', { cause: 'the ledger answered other commands' });
      return rows.toSorted((a, b) => a.ordinal - b.ordinal);
    },
  });
  return async (command) => resultOf(await execute(command));
};
