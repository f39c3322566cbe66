import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Actor } from '../domain/actor.ts';
import { apiKeyRevoked } from '../domain/facts.ts';
import { isManager } from '../domain/roles.ts';
import type { ApiKeys } from './ports.ts';

/** For good; revoking again is no error. @throws auth.forbidden, request.not_found */
export const revokeApiKey =
  (deps: { readonly apiKeys: ApiKeys; readonly clock: Clock }) =>
  async (actor: Actor, id: string): Promise<void> => {
    if (!isManager(actor.role)) throw appError('auth.forbidden');
    const fact = apiKeyRevoked({ tenantId: actor.tenantId, at: deps.clock.now() }, id);
    if (!isUuid(id) || !(await deps.apiKeys.revoke(actor.tenantId, id, fact))) throw appError('request.not_found');
  };
