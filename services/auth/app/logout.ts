import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Actor } from '../domain/actor.ts';
import type { RefreshTokens, Sessions } from './ports.ts';

export interface LogoutDeps {
  readonly sessions: Sessions;
  readonly refreshTokens: RefreshTokens;
  readonly clock: Clock;
}

/**
 * Ends the caller's session and the session of the refresh token, whichever are given; ending twice is no error.
 * Any genuine token of the family will do, also one that has been rotated away: whoever held it wants out.
 * @throws auth.unauthenticated when neither names a session
 */
export const logout =
  (deps: LogoutDeps) =>
  async (actor: Actor | undefined, refreshToken: string): Promise<void> => {
    const now = deps.clock.now();
    const token = refreshToken === '' ? undefined : deps.refreshTokens.read(refreshToken);
    const ofCaller = actor?.kind === 'user' ? actor.sessionId : undefined;
    const ids = new Set([ofCaller, token?.sessionId].filter((id) => id !== undefined));
    if (ids.size === 0) throw appError('auth.unauthenticated');
    for (const id of ids) {
      const session = await deps.sessions.find(id);
      const isForeign = id === ofCaller && session !== undefined && (session.tenantId !== actor?.tenantId || session.userId !== actor.id);
      if (session !== undefined && session.endReason === undefined && !isForeign) await deps.sessions.end(session, 'logout', now);
    }
  };
