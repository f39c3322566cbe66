import { appError } from '#platform/errors/index.ts';
import type { TopUp } from '../../domain/top-up.ts';
import type { TopUps } from './ports.ts';

/** The tenant's automatic top-up. @throws request.not_found: none was ever set */
export const getTopUp =
  ({ topUps }: { readonly topUps: Pick<TopUps, 'find'> }) =>
  async (tenantId: string): Promise<TopUp> => {
    const topUp = await topUps.find(tenantId);
    if (topUp === undefined) throw appError('request.not_found');
    return topUp;
  };
