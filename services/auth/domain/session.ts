import { dayMs, minuteMs, secondMs } from '#platform/time/index.ts';

export const accessTokenLifeMs = 10 * minuteMs;
/** A lost reply or two tabs at once: the same successor is given again. */
export const refreshGraceMs = 30 * secondMs;
export const sessionIdleMs = 14 * dayMs;
export const sessionAbsoluteMs = 90 * dayMs;

export type EndReason = 'logout' | 'reuse_detected' | 'expired';

export interface Session {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  /** Counts rotations; a refresh token carries the generation it belongs to. */
  readonly generation: number;
  /** SHA-256 of the newest refresh token. */
  readonly tokenHash: Uint8Array;
  readonly createdAt: Date;
  /** When the newest refresh token was made: the last sign of life. */
  readonly rotatedAt: Date;
  readonly endReason?: EndReason;
}

export const isExpired = (session: Pick<Session, 'createdAt' | 'rotatedAt'>, now: Date): boolean =>
  now.getTime() - session.rotatedAt.getTime() >= sessionIdleMs || now.getTime() - session.createdAt.getTime() >= sessionAbsoluteMs;

export type RefreshVerdict = 'current' | 'repeated' | 'reused' | 'expired' | 'ended' | 'foreign';

/**
 * What a presented refresh token means. It is known to be genuine: its tag is ours, so an older generation really was
 * given out once, and a stranger cannot end a session by inventing one.
 * - current: rotate · repeated: the reply was lost or two calls raced, give the same successor · reused: two parties
 *   hold this family, end it · foreign: a generation that this database never reached (restored from a backup)
 */
export const judgeRefresh = (session: Session, generation: number, now: Date): RefreshVerdict => {
  if (session.endReason !== undefined) return 'ended';
  if (isExpired(session, now)) return 'expired';
  if (generation === session.generation) return 'current';
  if (generation > session.generation) return 'foreign';
  const isPredecessor = generation === session.generation - 1;
  return isPredecessor && now.getTime() - session.rotatedAt.getTime() <= refreshGraceMs ? 'repeated' : 'reused';
};
