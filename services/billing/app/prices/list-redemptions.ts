import type { PageAsk } from '../ports.ts';
import type { Promotions } from './ports.ts';

/** What a tenant has redeemed, newest first. */
export const listRedemptions =
  ({ promotions }: { readonly promotions: Promotions }) =>
  (tenantId: string, page: PageAsk) =>
    promotions.redemptions(tenantId, page);
