/**
 * Who calls, as told from service to service: the gateway authenticates once, then every call carries the principal,
 * signed. A service trusts the signature, not the network. See docs/adr/0004-signed-principals.md.
 *
 * Token: base64url(JSON) "." base64url(HMAC-SHA256(key, the first part)). It is valid for 60 s; one that is used again and
 * again is signed and verified once per 10 s and process, because this stands in every call's way.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { appError } from '#platform/errors/index.ts';
import { type Clock, systemClock } from '#platform/time/index.ts';

export const roles = ['owner', 'admin', 'staff', 'viewer', 'operator', 'system'] as const;
/** operator: a person who runs the platform, beside the role in the own tenant; never an API key. system: a service. */
export type Role = (typeof roles)[number];

export interface Principal {
  readonly tenantId: string;
  /** user:<id>, key:<id> or service:<name> */
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly scopes: readonly string[];
  readonly plan: string;
  readonly sessionId?: string;
}

/** A service that acts for a tenant on its own account: a timer, a consumer, a reconciliation. */
export const systemPrincipal = (service: string, tenantId: string): Principal => ({
  tenantId,
  subject: `service:${service}`,
  roles: ['system'],
  scopes: [],
  plan: '',
});

interface Claims {
  readonly t: string;
  readonly s: string;
  readonly r: readonly string[];
  readonly o: readonly string[];
  readonly p: string;
  readonly i?: string;
  /** The calling service, for logs. */
  readonly c: string;
  /** Expiry, Unix milliseconds. */
  readonly e: number;
}

const lifetimeMs = 60_000;
const reuseMs = 10_000;
/** Clocks of two machines may differ by this much in the direction that matters: a token from the future. */
const skewMs = 5_000;
const maxTokenLength = 8_192;
const cached = 5_000;

const hmac = (key: string, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export interface PrincipalSigner {
  sign(principal: Principal): string;
}

export const principalSigner = (key: string, caller: string, clock: Clock = systemClock): PrincipalSigner => {
  const signed = new LRUCache<string, { readonly token: string; readonly until: number }>({ max: cached });
  return {
    sign: (principal) => {
      const now = clock.now().getTime();
      const { tenantId, subject, sessionId, plan } = principal;
      const body = {
        t: tenantId,
        s: subject,
        r: principal.roles,
        o: principal.scopes,
        p: plan,
        ...(sessionId === undefined ? {} : { i: sessionId }),
        c: caller,
      };
      const identity = JSON.stringify(body);
      const hit = signed.get(identity);
      if (hit !== undefined && hit.until > now && hit.until <= now + reuseMs) return hit.token;
      const claims: Claims = { ...body, e: now + lifetimeMs };
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
      const token = `${payload}.${hmac(key, payload).toString('base64url')}`;
      signed.set(identity, { token, until: now + reuseMs });
      return token;
    },
  };
};

export interface VerifiedPrincipal {
  readonly principal: Principal;
  readonly caller: string;
}

export interface PrincipalVerifier {
  /** @throws auth.unauthenticated when the signature is wrong or the token is malformed; auth.token_expired */
  verify(token: string): VerifiedPrincipal;
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((entry) => typeof entry === 'string');
const isRole = (value: string): value is Role => (roles as readonly string[]).includes(value);

const readClaims = (payload: string): Claims | undefined => {
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Partial<Claims>;
    const texts = [claims.t, claims.s, claims.p, claims.c].every((text) => typeof text === 'string');
    const wellFormed =
      texts &&
      isTexts(claims.r) &&
      isTexts(claims.o) &&
      Number.isFinite(claims.e) &&
      (claims.i === undefined || typeof claims.i === 'string');
    return wellFormed ? (claims as Claims) : undefined;
  } catch {
    return undefined;
  }
};

const toPrincipal = (claims: Claims): Principal =>
  Object.freeze({
    tenantId: claims.t,
    subject: claims.s,
    // A role that this version does not know gives no right.
    roles: Object.freeze(claims.r.filter(isRole)),
    scopes: Object.freeze([...claims.o]),
    plan: claims.p,
    ...(claims.i === undefined ? {} : { sessionId: claims.i }),
  });

export const principalVerifier = (key: string, clock: Clock = systemClock): PrincipalVerifier => {
  const verified = new LRUCache<string, { readonly result: VerifiedPrincipal; readonly expiresAt: number }>({ max: cached });
  const refuse = (message: string): Error => appError('auth.unauthenticated', { message });
  return {
    verify: (token) => {
      const now = clock.now().getTime();
      const hit = verified.get(token);
      if (hit !== undefined) {
        if (hit.expiresAt > now) return hit.result;
        throw appError('auth.token_expired', { message: 'The principal has expired.' });
      }
      if (token.length > maxTokenLength) throw refuse('The principal is too large.');
      const dot = token.indexOf('.');
      const payload = token.slice(0, dot);
      const signature = Buffer.from(token.slice(dot + 1), 'base64url');
      const expected = hmac(key, payload);
      if (dot < 1 || signature.length !== expected.length || !timingSafeEqual(signature, expected))
        throw refuse('The principal is not signed.');
      const claims = readClaims(payload);
      if (claims === undefined) throw refuse('The principal is malformed.');
      if (claims.e <= now) throw appError('auth.token_expired', { message: 'The principal has expired.' });
      if (claims.e > now + lifetimeMs + skewMs) throw refuse('The principal lives too long.');
      const result = { principal: toPrincipal(claims), caller: claims.c };
      verified.set(token, { result, expiresAt: claims.e });
      return result;
    },
  };
};
