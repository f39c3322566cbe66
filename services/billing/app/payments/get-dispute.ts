import { appError } from '#platform/errors/index.ts';
import type { Dispute } from '../../domain/dispute.ts';
import { requireId } from '../checks.ts';
import type { Disputes } from './ports.ts';

/** One dispute of the tenant. @throws request.not_found */
export const getDispute =
  ({ disputes }: { readonly disputes: Pick<Disputes, 'find'> }) =>
  async (tenantId: string, id: string): Promise<Dispute> => {
    requireId(id);
    const dispute = await disputes.find(tenantId, id);
    if (dispute === undefined) throw appError('request.not_found');
    return dispute;
  };
