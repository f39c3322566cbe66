import type { Actor } from '../domain/actor.ts';
import type { ApiKeys, ApiKeyView, Page, PageRequest } from './ports.ts';

/** Newest first, with revoked and expired ones; never a secret. */
export const listApiKeys =
  (deps: { readonly apiKeys: ApiKeys }) =>
  async (actor: Actor, page: PageRequest): Promise<Page<ApiKeyView>> =>
    await deps.apiKeys.list(actor.tenantId, page);
