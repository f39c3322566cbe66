import type { Clock } from '#platform/time/index.ts';
import type { Wallets } from './ports.ts';

/** Makes the tenant's wallet if there is none. Crediting does so too, and a missing wallet reads as zero: nobody waits for this. */
export const openWallet =
  ({ wallets, clock }: { readonly wallets: Wallets; readonly clock: Clock }) =>
  (tenantId: string): Promise<void> =>
    wallets.open(tenantId, clock.now());
