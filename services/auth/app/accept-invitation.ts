import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { emailVerified, userRegistered } from '../domain/facts.ts';
import { passwordLength, passwordMaxLength } from '../domain/password.ts';
import { signInPerAccount } from '../domain/throttle.ts';
import { requireStrongPassword } from './credentials.ts';
import type {
  Account,
  Accounts,
  Invitation,
  Members,
  PasswordHasher,
  Profile,
  Throttle,
  Transactions,
  UnitOfWork,
  Vault,
} from './ports.ts';

export interface AcceptInvitationDeps {
  readonly members: Members;
  readonly accounts: Accounts;
  readonly transactions: Transactions;
  readonly throttle: Throttle;
  readonly passwords: PasswordHasher;
  readonly breached: ReadonlySet<string>;
  readonly vault: Vault;
  readonly clock: Clock;
}

const invalid = () => appError('auth.invalid_token', { fields: [{ field: 'token', reason: 'is unknown, was used, or has expired' }] });

/**
 * The token proves who reads the mail. What the password means depends on the account that the address has:
 * - none: it becomes the password of a new, verified account;
 * - unverified: somebody typed this address once, perhaps a stranger who waits for its owner; the password is
 *   replaced and every session of that account ended;
 * - verified: it has to be the right one.
 * Signing in leads to the new tenant from now on.
 * @throws auth.invalid_token, auth.weak_password, auth.invalid_credentials, request.rate_limited, auth.busy
 */
export const acceptInvitation = (deps: AcceptInvitationDeps) => {
  const checkPassword = async (invitation: Invitation, password: string, hash: string): Promise<void> => {
    const claim = { policy: signInPerAccount, subject: `invitation ${invitation.id}` };
    const waitMs = await deps.throttle.claim([claim], deps.clock.now());
    if (waitMs > 0) throw appError('request.rate_limited', { retryAfterMs: waitMs });
    const isRight = passwordLength(password) <= passwordMaxLength && (await deps.passwords.verify(password, hash));
    if (!isRight) throw appError('auth.invalid_credentials');
    await deps.throttle.release([{ ...claim, reset: true }]);
  };

  /** @returns the hash to store, or undefined when the password proved an existing one */
  const prepare = async (invitation: Invitation, password: string, account: Account | undefined): Promise<string | undefined> => {
    if (account?.emailVerifiedAt !== undefined) {
      await checkPassword(invitation, password, account.passwordHash);
      return undefined;
    }
    requireStrongPassword(password, { email: invitation.email, organization: invitation.tenantName }, deps.breached);
    return await deps.passwords.hash(password);
  };

  const settleAccount = async (
    unit: UnitOfWork,
    invitation: Invitation,
    account: Account | undefined,
    hash: string | undefined,
    now: Date,
  ): Promise<string> => {
    if (account !== undefined && hash === undefined) return account.userId;
    const occasion = { tenantId: invitation.tenantId, at: now };
    const userId = account?.userId ?? newId();
    if (account === undefined && hash !== undefined) {
      await unit.addUser({ id: userId, email: invitation.email, passwordHash: hash, emailVerifiedAt: now, createdAt: now });
      await unit.record(userRegistered(occasion, userId, invitation.role));
    } else if (hash !== undefined) {
      await unit.replacePassword(userId, hash);
      await unit.endSessionsOf(userId, 'logout', now);
      await unit.dropEmailVerification(userId);
      await unit.markEmailVerified(userId, now);
    }
    await unit.record(emailVerified({ ...occasion, version: 2 }, userId));
    return userId;
  };

  return async (input: { token: string; password: string }): Promise<Profile> => {
    const tokenHash = deps.vault.digest(input.token);
    const now = deps.clock.now();
    const invitation = await deps.members.findInvitation(tokenHash);
    if (invitation === undefined || invitation.acceptedAt !== undefined || invitation.expiresAt <= now) throw invalid();
    const account = await deps.accounts.findByEmail(invitation.email);
    const hash = await prepare(invitation, input.password, account);

    const userId = await deps.transactions.run(async (unit) => {
      const taken = await unit.takeInvitation(invitation.id, tokenHash, now);
      if (taken === undefined) throw invalid();
      const present = await unit.lockAccount(invitation.email);
      // Registered, verified or changed while the password was being hashed: what was decided above no longer holds.
      if (present?.passwordHash !== account?.passwordHash || present?.emailVerifiedAt?.getTime() !== account?.emailVerifiedAt?.getTime()) {
        throw appError('platform.unavailable', { retryAfterMs: 0 });
      }
      const id = await settleAccount(unit, taken, present, hash, now);
      await unit.addMember(taken.tenantId, id, taken.role, now);
      return id;
    });
    const profile = await deps.accounts.profile(invitation.tenantId, userId);
    if (profile === undefined) throw appError('request.not_found');
    return profile;
  };
};
