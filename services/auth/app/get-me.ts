import { appError } from '#platform/errors/index.ts';
import type { Actor } from '../domain/actor.ts';
import type { MemberRole } from '../domain/roles.ts';
import type { Accounts, ApiKeys, ApiKeyView, TenantView, UserView } from './ports.ts';

export interface Me {
  readonly tenant: TenantView;
  readonly role: MemberRole;
  readonly user?: UserView;
  readonly apiKey?: ApiKeyView;
}

/** @throws request.not_found when the account is gone */
export const getMe =
  (deps: { readonly accounts: Accounts; readonly apiKeys: ApiKeys }) =>
  async (actor: Actor): Promise<Me> => {
    if (actor.kind === 'user') {
      const profile = await deps.accounts.profile(actor.tenantId, actor.id);
      if (profile !== undefined) return profile;
    } else {
      const [apiKey, tenant] = await Promise.all([deps.apiKeys.find(actor.tenantId, actor.id), deps.accounts.tenant(actor.tenantId)]);
      if (apiKey !== undefined && tenant !== undefined) return { apiKey, tenant, role: actor.role };
    }
    throw appError('request.not_found');
  };
