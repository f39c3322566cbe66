/**
 * Access tokens are verified here, without a call: EdDSA only, issuer, audience and type checked (RFC 9068), keys from
 * the auth service's JWKS. A verified token is remembered until it expires; what ends earlier (session ended, plan
 * changed) arrives as an event.
 */
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { appError } from '#platform/errors/index.ts';
import { minuteMs, secondMs, type Clock } from '#platform/time/index.ts';
import type { Caller, CredentialVerifier, Role } from '../../app/ports.ts';

type LocalJWKSet = ReturnType<typeof createLocalJWKSet>;

export interface TokenVerifierDependencies {
  readonly fetchJwks: () => Promise<string>;
  readonly issuer: string;
  readonly clock: Clock;
}

export interface TokenVerifier extends CredentialVerifier {
  /** Tokens of this session are refused from now on. */
  endSession(sessionId: string): void;
  changePlan(tenantId: string, plan: string): void;
}

/** As long as the longest-lived access token, with room for clock difference. */
const denyForMs = 30 * minuteMs;
/** An unknown key id makes us fetch the set again, at most this often. */
const refetchAfterMs = 5 * secondMs;
const clockToleranceSeconds = 5;

const text = (payload: JWTPayload, claim: string): string => {
  const value = payload[claim];
  if (typeof value !== 'string' || value === '') throw appError('auth.unauthenticated');
  return value;
};

const toCaller = (payload: JWTPayload): Caller => ({
  tenantId: text(payload, 'tid'),
  subject: `user:${text(payload, 'sub')}`,
  roles: [text(payload, 'role') as Role, ...(payload['operator'] === true ? (['operator'] as const) : [])],
  scopes: Array.isArray(payload['scopes']) ? (payload['scopes'] as string[]) : [],
  plan: text(payload, 'plan'),
  sessionId: text(payload, 'sid'),
});

export const tokenVerifier = ({ fetchJwks, issuer, clock }: TokenVerifierDependencies): TokenVerifier => {
  const verified = new LRUCache<string, { readonly caller: Caller; readonly expiresAtMs: number }>({ max: 20_000 });
  const ended = new LRUCache<string, true>({ max: 50_000, ttl: denyForMs });
  const plans = new LRUCache<string, string>({ max: 50_000, ttl: denyForMs });
  let keys: LocalJWKSet | undefined;
  let fetchedAtMs = 0;
  let fetching: Promise<LocalJWKSet> | undefined;

  const loadKeys = (): Promise<LocalJWKSet> => {
    fetching ??= fetchJwks()
      .then((json) => {
        keys = createLocalJWKSet(JSON.parse(json) as JSONWebKeySet);
        fetchedAtMs = clock.now().getTime();
        return keys;
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };
  const check = async (token: string, set: LocalJWKSet) =>
    jwtVerify(token, set, {
      algorithms: ['EdDSA'],
      issuer,
      audience: 'namaskah',
      typ: 'at+jwt',
      clockTolerance: clockToleranceSeconds,
      currentDate: clock.now(),
      requiredClaims: ['exp', 'sub'],
    });

  const verifySignature = async (token: string): Promise<JWTPayload> => {
    try {
      return (await check(token, keys ?? (await loadKeys()))).payload;
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey && clock.now().getTime() - fetchedAtMs > refetchAfterMs) {
        return (await check(token, await loadKeys())).payload;
      }
      throw error;
    }
  };

  const current = (caller: Caller): Caller => {
    if (caller.sessionId !== undefined && ended.has(caller.sessionId))
      throw appError('auth.unauthenticated', { message: 'The session has ended.' });
    const plan = plans.get(caller.tenantId);
    return plan === undefined || plan === caller.plan ? caller : { ...caller, plan };
  };

  const verifyAnew = async (token: string): Promise<Caller> => {
    try {
      const payload = await verifySignature(token);
      const caller = toCaller(payload);
      verified.set(token, { caller, expiresAtMs: (payload.exp ?? 0) * secondMs });
      return current(caller);
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw appError('auth.token_expired');
      if (error instanceof errors.JOSEError) throw appError('auth.unauthenticated', { cause: error });
      throw error;
    }
  };

  return {
    verify: (token) => {
      const known = verified.get(token);
      return known && known.expiresAtMs > clock.now().getTime() ? current(known.caller) : verifyAnew(token);
    },
    endSession: (sessionId) => void ended.set(sessionId, true),
    changePlan: (tenantId, plan) => void plans.set(tenantId, plan),
  };
};
