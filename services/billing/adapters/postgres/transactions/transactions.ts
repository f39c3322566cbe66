import type { Database } from '#platform/postgres/index.ts';
import type { TransactionReader } from '../../../app/transactions/ports.ts';
import { walletCurrency } from '../../../domain/ledger.ts';
import { entriesAfter, findEntry, listEntries } from '../ledger/entries.ts';
import { AccountRow } from '../ledger/rows.ts';

export const postgresTransactions = (db: Database): TransactionReader => ({
  entries: (tenantId, filter, page) => listEntries(db, tenantId, filter, page),
  find: (tenantId, transferId) => findEntry(db, tenantId, transferId),
  lastSequence: async (tenantId) =>
    (await db.em().findOne(AccountRow, { tenantId, kind: 'wallet', currency: walletCurrency }))?.entryCount ?? 0n,
  forward: (tenantId, filter, range) => entriesAfter(db, tenantId, filter, range),
});
