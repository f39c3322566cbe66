import { appError } from '#platform/errors/index.ts';
import type { WalletEntry } from '../../domain/ledger.ts';
import { requireId } from '../checks.ts';
import type { TransactionReader } from './ports.ts';

/** @throws request.not_found, also for another tenant's */
export const getTransaction =
  ({ transactions }: { readonly transactions: TransactionReader }) =>
  async (tenantId: string, id: string): Promise<WalletEntry> => {
    requireId(id);
    const entry = await transactions.find(tenantId, id);
    if (entry === undefined) throw appError('request.not_found');
    return entry;
  };
