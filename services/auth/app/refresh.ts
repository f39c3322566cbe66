import { appError, type ErrorCode } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { judgeRefresh, type EndReason } from '../domain/session.ts';
import { issueTokens, type TokenPair } from './issue-tokens.ts';
import type { AccessTokens, LiveSession, RefreshToken, RefreshTokens, Sessions, Vault } from './ports.ts';

export interface RefreshDeps {
  readonly sessions: Sessions;
  readonly refreshTokens: RefreshTokens;
  readonly accessTokens: AccessTokens;
  readonly vault: Vault;
  readonly clock: Clock;
}

const refusals: Record<EndReason, ErrorCode> = {
  logout: 'auth.unauthenticated',
  reuse_detected: 'auth.token_reused',
  expired: 'auth.token_expired',
};

/**
 * Rotation. The usual case is one statement. Two at once, or one repeated within the grace period because its reply
 * was lost, get the same successor; a token that was used longer ago ends the session for everybody who holds it.
 * @throws auth.unauthenticated, auth.token_expired, auth.token_reused
 */
export const refresh = (deps: RefreshDeps) => {
  const end = async (session: LiveSession, reason: EndReason): Promise<never> => {
    await deps.sessions.end(session, reason, deps.clock.now());
    throw appError(refusals[reason]);
  };

  const settle = async (token: RefreshToken, successor: RefreshToken): Promise<LiveSession> => {
    const session = await deps.sessions.find(token.sessionId);
    if (session === undefined) throw appError('auth.unauthenticated');
    if (session.endReason !== undefined) throw appError(refusals[session.endReason]);
    switch (judgeRefresh(session, token.generation, deps.clock.now())) {
      case 'repeated':
        // Holds for every genuine token; a database restored from a backup is the exception.
        if (deps.vault.equal(session.tokenHash, successor.hash)) return session;
        throw appError('auth.unauthenticated');
      case 'reused':
        return await end(session, 'reuse_detected');
      case 'expired':
        return await end(session, 'expired');
      default:
        throw appError('auth.unauthenticated');
    }
  };

  return async (text: string): Promise<TokenPair> => {
    const token = deps.refreshTokens.read(text);
    if (token === undefined) throw appError('auth.unauthenticated');
    const successor = deps.refreshTokens.successor(token);
    const rotated = await deps.sessions.rotate({
      sessionId: token.sessionId,
      generation: token.generation,
      tokenHash: token.hash,
      successorHash: successor.hash,
      at: deps.clock.now(),
    });
    return await issueTokens(deps, rotated ?? (await settle(token, successor)), successor);
  };
};
