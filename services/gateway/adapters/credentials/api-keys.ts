/**
 * API keys: a key that is not known has its checksum checked, without any I/O, so that typing errors and scanners' guesses
 * cost nothing; then the auth service is asked, and its answer kept for a short time. Revocations arrive as events and take effect at
 * once; if the event line is down, the short time is the bound.
 */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseApiKey } from '#platform/apikey/index.ts';
import { appError, isAppError } from '#platform/errors/index.ts';
import { secondMs, type Clock } from '#platform/time/index.ts';
import type { Caller, CredentialVerifier } from '../../app/ports.ts';

export interface VerifiedKey {
  readonly keyId: string;
  readonly caller: Caller;
  readonly expiresAt: Date | undefined;
}

export interface ApiKeyVerifierDependencies {
  /** @throws auth.unauthenticated for a key that is unknown, revoked or expired */
  readonly ask: (key: string) => Promise<VerifiedKey>;
  readonly clock: Clock;
}

export interface ApiKeyVerifier extends CredentialVerifier {
  revoke(keyId: string): void;
  changePlan(tenantId: string, plan: string): void;
}

const knownForMs = 30 * secondMs;
const refusedForMs = 5 * secondMs;
/** Longer than an answer can be under way: a key revoked while it is being looked up stays revoked, and a plan changed meanwhile changed. */
const changedForMs = 60 * secondMs;

const ended = (): Error => appError('auth.unauthenticated', { message: 'The API key was revoked or has expired.' });

const withPlan = (answer: VerifiedKey, plan: string): VerifiedKey => ({ ...answer, caller: { ...answer.caller, plan } });

export const looksLikeApiKey = (credential: string): boolean => credential.startsWith('nsk_');

export const apiKeyVerifier = ({ ask, clock }: ApiKeyVerifierDependencies): ApiKeyVerifier => {
  // Keyed by digest: a heap dump holds no usable key.
  const known = new LRUCache<string, VerifiedKey>({ max: 20_000, ttl: knownForMs });
  const refused = new LRUCache<string, true>({ max: 20_000, ttl: refusedForMs });
  const revoked = new LRUCache<string, true>({ max: 20_000, ttl: changedForMs });
  const plans = new LRUCache<string, string>({ max: 50_000, ttl: changedForMs });
  const inFlight = new Map<string, Promise<VerifiedKey>>();

  const current = (digest: string, { caller, expiresAt }: VerifiedKey): Caller => {
    if (expiresAt === undefined || expiresAt > clock.now()) return caller;
    known.delete(digest);
    throw ended();
  };

  const lookUp = async (digest: string, key: string): Promise<Caller> => {
    if (!parseApiKey(key)) throw appError('auth.unauthenticated', { message: 'This is not a valid API key.' });
    if (refused.has(digest)) throw appError('auth.unauthenticated');
    let pending = inFlight.get(digest);
    if (!pending) {
      pending = ask(key)
        .then((answer) => {
          // A revocation has taken away what was known by then; what comes in after it is refused here.
          if (revoked.has(answer.keyId)) throw ended();
          const changed = withPlan(answer, plans.get(answer.caller.tenantId) ?? answer.caller.plan);
          known.set(digest, changed);
          return changed;
        })
        .catch((error: unknown) => {
          if (isAppError(error, 'auth.unauthenticated')) refused.set(digest, true);
          throw error;
        })
        .finally(() => inFlight.delete(digest));
      inFlight.set(digest, pending);
    }
    return current(digest, await pending);
  };

  return {
    verify: (key) => {
      const digest = hash('sha256', key, 'base64url');
      const answer = known.get(digest);
      return answer === undefined ? lookUp(digest, key) : current(digest, answer);
    },
    revoke(keyId) {
      revoked.set(keyId, true);
      for (const [digest, answer] of known.entries()) if (answer.keyId === keyId) known.delete(digest);
    },
    changePlan(tenantId, plan) {
      plans.set(tenantId, plan);
      for (const [digest, answer] of known.entries()) if (answer.caller.tenantId === tenantId) known.set(digest, withPlan(answer, plan));
    },
  };
};
