import { appError } from '#platform/errors/index.ts';
import type { Members, Owner } from './ports.ts';

/** Whom to write to about the tenant: its owner of longest standing. @throws request.not_found when nobody is left */
export const getOwner =
  ({ members }: { readonly members: Members }) =>
  async (tenantId: string): Promise<Owner> => {
    const owner = await members.owner(tenantId);
    if (owner === undefined) throw appError('request.not_found');
    return owner;
  };
