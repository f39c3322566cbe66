import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { postgresHolds } from '../../adapters/postgres/ledger/hold-ledger.ts';
import { postgresHoldSettlement } from '../../adapters/postgres/ledger/hold-settlement.ts';
import { entities } from '../../adapters/postgres/rows.ts';
import { postgresWallets } from '../../adapters/postgres/ledger/wallets.ts';
import type { LateCharge } from '../../domain/hold.ts';
import { type BooksUnderTest, underTest } from './books.contract.ts';
import type { BooksState } from './fake-books.ts';

/** Patient: a test that sends a thousand commands one by one is about their outcome, on a busy machine, too. */
export const openBooks = (url: string, poolMax = 10): Promise<Database> =>
  openDatabase({ url, applicationName: 'billing-test', poolMax, poolWaitMs: 20_000, statementTimeoutMs: 20_000, entities });

/** The ledger over PostgreSQL, as the service uses it; settlement commands in a transaction each, like a consumer's. */
export const postgresBooks = (db: Database): BooksUnderTest =>
  underTest({
    ...postgresHolds(db),
    ...postgresWallets(db),
    settle: (facts) => db.transaction((tx) => postgresHoldSettlement(tx).settle(facts)),
  });

/** Everything that the model knows, read from the tables. */
export const postgresState = async (db: Database, tenantId: string): Promise<BooksState> => {
  const books = postgresBooks(db);
  const wallet = await books.wallet(tenantId);
  const ids = await db.query<{ id: string }>('select id from holds where tenant_id = $1 order by id', [tenantId]);
  const holds = await Promise.all(ids.map(({ id }) => books.find(tenantId, id)));
  const late = await db.query<{ hold_id: string; total_micros: bigint; collected_micros: bigint; owed_micros: bigint }>(
    'select * from uncollected where tenant_id = $1 order by hold_id',
    [tenantId],
  );
  const entries = await db.query<{ type: 'charge'; amount_micros: bigint; balance_after_micros: bigint }>(
    `select type, amount_micros, balance_after_micros from entries where account_id = (select id from accounts where tenant_id = $1) order by account_sequence`,
    [tenantId],
  );
  const lateOf = (row: (typeof late)[number]): LateCharge => ({
    totalMicros: row.total_micros,
    collectedMicros: row.collected_micros,
    owedMicros: row.owed_micros,
  });
  const { grants } = await books.grants(tenantId, { limit: 1_000, cursor: '' });
  return {
    promotionalMicros: wallet?.promotionalMicros ?? 0n,
    grants: grants
      .map(({ id, kind, remainingMicros, expiresAt }) => ({ id, kind, remainingMicros, expiresAt }))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    balanceMicros: wallet?.balanceMicros ?? 0n,
    heldMicros: wallet?.heldMicros ?? 0n,
    holds: holds.filter((hold) => hold !== undefined),
    late: Object.fromEntries(late.map((row) => [row.hold_id, lateOf(row)])),
    entries: entries.map((row) => ({ type: row.type, amountMicros: row.amount_micros, balanceAfterMicros: row.balance_after_micros })),
  };
};
