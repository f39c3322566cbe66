import { isUuid } from '#platform/ids/index.ts';
import { check, refuseInvalid } from '../checks.ts';
import type { PageAsk } from '../ports.ts';
import type { Refunds } from './ports.ts';

/** The tenant's refunds, newest first, of one payment or of all ('' ). @throws request.invalid on a bad cursor */
export const listRefunds =
  ({ refunds }: { readonly refunds: Pick<Refunds, 'list'> }) =>
  async (tenantId: string, paymentId: string, page: PageAsk): ReturnType<Refunds['list']> => {
    refuseInvalid(check(paymentId === '' || isUuid(paymentId), 'payment_id', 'Must be an id.'));
    return refunds.list(tenantId, { paymentId: paymentId === '' ? undefined : paymentId }, page);
  };
