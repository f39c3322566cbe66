import type { Clock } from '#platform/time/index.ts';
import type { Session } from '../domain/session.ts';
import type { AccessTokens, LiveSession, RefreshToken } from './ports.ts';

export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInSeconds: number;
}

type Claimant = Pick<Session, 'id' | 'tenantId' | 'userId'> & Pick<LiveSession, 'role' | 'isOperator' | 'plan'>;

/** A new access token beside the session's refresh token. */
export const issueTokens = async (
  deps: { readonly accessTokens: AccessTokens; readonly clock: Clock },
  session: Claimant,
  refreshToken: RefreshToken,
): Promise<TokenPair> => {
  const { id: sessionId, tenantId, userId, role, isOperator, plan } = session;
  const { token, expiresInSeconds } = await deps.accessTokens.sign(
    { userId, tenantId, role, isOperator, plan, sessionId },
    deps.clock.now(),
  );
  return { accessToken: token, refreshToken: refreshToken.text, expiresInSeconds };
};
