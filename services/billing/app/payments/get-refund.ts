import { appError } from '#platform/errors/index.ts';
import type { Refund } from '../../domain/refund.ts';
import { requireId } from '../checks.ts';
import type { Refunds } from './ports.ts';

/** One refund of the tenant. @throws request.not_found */
export const getRefund =
  ({ refunds }: { readonly refunds: Pick<Refunds, 'find'> }) =>
  async (tenantId: string, id: string): Promise<Refund> => {
    requireId(id);
    const refund = await refunds.find(tenantId, id);
    if (refund === undefined) throw appError('request.not_found');
    return refund;
  };
