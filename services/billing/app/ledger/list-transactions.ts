import { isTransferType, transferTypes } from '../../domain/ledger.ts';
import { check, refuseInvalid } from '../checks.ts';
import type { EntryPage, WalletReader } from './ports.ts';
import type { PageAsk } from '../ports.ts';

export interface ListTransactionsRequest extends PageAsk {
  /** Empty: every type. */
  readonly type: string;
  readonly from: Date | undefined;
  readonly to: Date | undefined;
}

/**
 * Entries of the tenant's wallet, newest first; `from` is included, `to` is not.
 * @throws request.invalid naming type, to or cursor
 */
export const listTransactions =
  ({ wallets }: { readonly wallets: WalletReader }) =>
  async (tenantId: string, { type, from, to, limit, cursor }: ListTransactionsRequest): Promise<EntryPage> => {
    refuseInvalid(
      check(type === '' || isTransferType(type), 'type', `One of ${transferTypes.join(', ')}.`),
      check(from === undefined || to === undefined || from <= to, 'to', 'Must not be before from.'),
    );
    const filter = {
      ...(isTransferType(type) && { type }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    };
    return wallets.entries(tenantId, filter, { limit, cursor });
  };
