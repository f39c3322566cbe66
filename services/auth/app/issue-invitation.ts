import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { newPendingToken } from './issue-email-verification.ts';
import type { Members, Vault } from './ports.ts';

/**
 * For the service that writes the mail; asking again gives the same token until the invitation is replaced or used.
 * @returns an empty token when the invitation was accepted or has expired
 * @throws request.not_found when the tenant has no such invitation
 */
export const issueInvitation =
  (deps: { readonly members: Members; readonly vault: Vault; readonly clock: Clock }) =>
  async (tenantId: string, invitationId: string): Promise<{ email: string; token: string; tenantName: string }> => {
    if (!isUuid(invitationId)) throw appError('request.not_found');
    const now = deps.clock.now();
    const purpose = `invitation:${invitationId}`;
    // The token lives as long as its invitation; the date here is not stored.
    const issued = await deps.members.issueInvitation(tenantId, invitationId, newPendingToken(deps.vault, purpose, now), now);
    if (issued === undefined) throw appError('request.not_found');
    const { invitation, sealed } = issued;
    const isOpen = invitation.acceptedAt === undefined && invitation.expiresAt > now;
    return { email: invitation.email, tenantName: invitation.tenantName, token: isOpen ? deps.vault.open(sealed, purpose) : '' };
  };
