import type { WalletEntry } from '../../domain/ledger.ts';
import type { EntryFilter, WalletReader } from '../ledger/ports.ts';

/** Reads the entries of a wallet one by one and in bulk; lists are the ledger's. */
export interface TransactionReader extends Pick<WalletReader, 'entries'> {
  /** Of this tenant; undefined also when it is another tenant's. */
  find(tenantId: string, transferId: string): Promise<WalletEntry | undefined>;
  /** How many entries the wallet has: the number of the newest one. */
  lastSequence(tenantId: string): Promise<bigint>;
  /** Oldest first, after the entry `after`, none with a number above `upTo`. */
  forward(
    tenantId: string,
    filter: EntryFilter,
    range: { readonly after: Pick<WalletEntry, 'createdAt' | 'sequence'> | undefined; readonly upTo: bigint; readonly limit: number },
  ): Promise<readonly WalletEntry[]>;
}
