import type { PageAsk } from '../ports.ts';
import type { Payments } from './ports.ts';

/** The tenant's payments, newest first. @throws request.invalid on a bad cursor */
export const listPayments =
  ({ payments }: { readonly payments: Payments }) =>
  (tenantId: string, page: PageAsk) =>
    payments.list(tenantId, page);
