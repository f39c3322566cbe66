import type { EntryPage } from '../ledger/ports.ts';
import type { PageAsk } from '../ports.ts';
import { entryFilter, type TransactionFilter } from './filter.ts';
import type { TransactionReader } from './ports.ts';

/**
 * Entries of the tenant's wallet, newest first.
 * @throws request.invalid naming the field of the filter, or cursor
 */
export const listTransactions =
  ({ transactions }: { readonly transactions: TransactionReader }) =>
  async (tenantId: string, filter: TransactionFilter, page: PageAsk): Promise<EntryPage> =>
    transactions.entries(tenantId, entryFilter(filter), page);
