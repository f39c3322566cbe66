import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { addMs, dayMs, type Clock } from '#platform/time/index.ts';
import type { Accounts, PendingToken, Vault } from './ports.ts';

const emailVerificationLifeMs = dayMs;

/** A fresh single-use token at rest; `purpose` ties the sealed form to its owner. */
export const newPendingToken = (vault: Vault, purpose: string, expiresAt: Date): PendingToken => {
  const token = vault.token();
  return { hash: vault.digest(token), sealed: vault.seal(token, purpose), expiresAt };
};

/**
 * For the service that writes the mail. Until the token is used, replaced by a new request or expires, asking again
 * gives the same one: a redelivered event must not kill the link in a mail that has been sent.
 * @returns an empty token when the address is verified already
 * @throws request.not_found when the tenant has no such user
 */
export const issueEmailVerification =
  (deps: { readonly accounts: Accounts; readonly vault: Vault; readonly clock: Clock }) =>
  async (tenantId: string, userId: string): Promise<{ email: string; token: string }> => {
    if (!isUuid(userId)) throw appError('request.not_found');
    const now = deps.clock.now();
    const purpose = `email-verification:${userId}`;
    const fresh = newPendingToken(deps.vault, purpose, addMs(now, emailVerificationLifeMs));
    const issued = await deps.accounts.issueEmailVerification(tenantId, userId, fresh, now);
    if (issued === undefined) throw appError('request.not_found');
    const { user, sealed } = issued;
    return { email: user.email, token: user.emailVerifiedAt === undefined ? deps.vault.open(sealed, purpose) : '' };
  };
