import type { Database } from '#platform/postgres/index.ts';
import { postgresTransactions } from './adapters/postgres/transactions/transactions.ts';
import { exportTransactions } from './app/transactions/export-transactions.ts';
import { getTransaction } from './app/transactions/get-transaction.ts';
import { listTransactions } from './app/transactions/list-transactions.ts';

/** Part of the composition root: what happened on a wallet. */
export const openTransactions = ({ db }: { readonly db: Database }) => {
  const transactions = postgresTransactions(db);
  return {
    listTransactions: listTransactions({ transactions }),
    getTransaction: getTransaction({ transactions }),
    exportTransactions: exportTransactions({ transactions }),
  };
};
