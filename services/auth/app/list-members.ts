import type { Actor } from '../domain/actor.ts';
import type { Member, Members, Page, PageRequest } from './ports.ts';

/** Newest first; every member may look. */
export const listMembers =
  (deps: { readonly members: Members }) =>
  async (actor: Actor, page: PageRequest): Promise<Page<Member>> =>
    await deps.members.list(actor.tenantId, page);
