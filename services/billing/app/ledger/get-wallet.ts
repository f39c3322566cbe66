import { emptyWallet, type Wallet } from '../../domain/ledger.ts';
import type { WalletReader } from './ports.ts';

/** A tenant that has never been credited has a wallet of zero, whether or not its row exists yet. */
export const getWallet =
  ({ wallets }: { readonly wallets: WalletReader }) =>
  async (tenantId: string): Promise<Wallet> =>
    (await wallets.wallet(tenantId)) ?? emptyWallet;
