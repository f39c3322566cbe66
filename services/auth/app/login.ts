import { appError, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { emailKey, normaliseEmail } from '../domain/email.ts';
import { passwordLength, passwordMaxLength } from '../domain/password.ts';
import { signInPerAccount, signInPerNetwork } from '../domain/throttle.ts';
import { issueTokens, type TokenPair } from './issue-tokens.ts';
import type { AccessTokens, Account, Accounts, PasswordHasher, RefreshTokens, Sessions, Throttle, ThrottleClaim } from './ports.ts';

export interface LoginDeps {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly passwords: PasswordHasher;
  readonly refreshTokens: RefreshTokens;
  readonly accessTokens: AccessTokens;
  readonly clock: Clock;
}
export interface LoginInput {
  readonly email: string;
  readonly password: string;
  readonly userAgent: string;
  readonly ipAddress: string;
}

/**
 * A new session. Unknown addresses cost the same queries and the same hash as known ones, are delayed alike and get
 * the same answer.
 * @throws auth.invalid_credentials; request.rate_limited after many failures from one place; auth.busy
 */
export const login = (deps: LoginDeps) => {
  const authenticate = async (email: string, password: string, claims: readonly ThrottleClaim[]): Promise<Account> => {
    try {
      const [waitMs, account] = await Promise.all([deps.throttle.claim(claims, deps.clock.now()), deps.accounts.findByEmail(email)]);
      if (waitMs > 0) throw appError('request.rate_limited', { retryAfterMs: waitMs });
      const isRight = await deps.passwords.verify(password, account?.passwordHash);
      if (!isRight || account === undefined) throw appError('auth.invalid_credentials');
      return account;
    } catch (error) {
      // No password was looked at: the attempt does not count.
      if (isAppError(error, 'auth.busy')) await deps.throttle.release(claims);
      throw error;
    }
  };

  return async (input: LoginInput): Promise<TokenPair> => {
    const email = normaliseEmail(input.email);
    // Longer than any stored password can be, and a free lever on the hash otherwise.
    if (email === undefined || passwordLength(input.password) > passwordMaxLength) throw appError('auth.invalid_credentials');
    const account = { policy: signInPerAccount, subject: `${emailKey(email)} ${input.ipAddress}` };
    const network = { policy: signInPerNetwork, subject: input.ipAddress };
    const claims = input.ipAddress === '' ? [account] : [account, network];

    const { userId, tenantId, role, isOperator, plan } = await authenticate(email, input.password, claims);
    const id = newId();
    const token = deps.refreshTokens.first(id);
    const [tokens] = await Promise.all([
      issueTokens(deps, { id, tenantId, userId, role, isOperator, plan }, token),
      deps.sessions.open({
        id,
        tenantId,
        userId,
        tokenHash: token.hash,
        createdAt: deps.clock.now(),
        userAgent: input.userAgent.slice(0, 400),
        ipAddress: input.ipAddress.slice(0, 64),
      }),
      deps.throttle.release(claims.map((claim) => ({ ...claim, reset: claim.policy === signInPerAccount }))),
    ]);
    return tokens;
  };
};
