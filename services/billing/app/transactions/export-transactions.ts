import type { WalletEntry } from '../../domain/ledger.ts';
import { entryFilter, type TransactionFilter } from './filter.ts';
import type { TransactionReader } from './ports.ts';

/** Enough to make a round trip worth it, little enough to lie in memory for each of many exports. */
const batchSize = 500;

/**
 * All entries of the tenant's wallet that the filter lets through, oldest first, as the wallet stands at the first step. Read in pages
 * as the reader takes them: neither memory nor a transaction is held while a slow reader reads, and since entries never change, the
 * pages fit together.
 * @throws request.invalid naming the field of the filter
 */
export const exportTransactions = ({ transactions }: { readonly transactions: TransactionReader }) =>
  async function* batches(tenantId: string, asked: TransactionFilter): AsyncGenerator<readonly WalletEntry[], void> {
    const filter = entryFilter(asked);
    const upTo = await transactions.lastSequence(tenantId);
    let after: WalletEntry | undefined;
    for (;;) {
      const batch = await transactions.forward(tenantId, filter, { after, upTo, limit: batchSize });
      if (batch.length > 0) yield batch;
      if (batch.length < batchSize) return;
      after = batch.at(-1);
    }
  };
