import { appError } from '#platform/errors/index.ts';
import type { Hold } from '../../domain/hold.ts';
import { requireId } from '../checks.ts';
import type { HoldReader } from './ports.ts';

/** @throws request.not_found */
export const getHold =
  ({ holds }: { readonly holds: HoldReader }) =>
  async (tenantId: string, holdId: string): Promise<Hold> => {
    requireId(holdId);
    const hold = await holds.find(tenantId, holdId);
    if (hold === undefined) throw appError('request.not_found');
    return hold;
  };
