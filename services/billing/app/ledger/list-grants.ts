import type { PageAsk } from '../ports.ts';
import type { GrantPage, WalletReader } from './ports.ts';

/** What the tenant's balance is made of, newest first; spent and expired credit too. @throws request.invalid naming cursor */
export const listGrants =
  ({ wallets }: { readonly wallets: WalletReader }) =>
  (tenantId: string, page: PageAsk): Promise<GrantPage> =>
    wallets.grants(tenantId, page);
