import type { Deliveries } from './ports.ts';

/** The tenant's mails, newest first, addresses masked. @throws request.invalid on a bad cursor */
export const listDeliveries =
  ({ deliveries }: { readonly deliveries: Pick<Deliveries, 'list'> }) =>
  (tenantId: string, page: { readonly limit: number; readonly cursor: string }) =>
    deliveries.list(tenantId, page);
