/**
 * Requests a minute by plan (B3), per tenant; without credentials per address. The window is this process's own;
 * several gateways need a shared store.
 */
import type { FastifyInstance } from 'fastify';
import { LRUCache } from 'lru-cache';
import { appError } from '#platform/errors/index.ts';
import { headersOf } from './fastify-inside.ts';

export const requestsPerMinute: Readonly<Record<string, number>> = { starter: 100, pro: 500, enterprise: 2_000 };
/** For callers without credentials, per address: sign-in, catalogue documents. */
const anonymousPerMinute = 300;
const windowMs = 60_000;
const maxWindows = 20_000;

interface Window {
  count: number;
  endsAtMs: number;
}

/** Each begins with the first request after the one before it has ended. */
const createWindows = () => {
  const windows = new LRUCache<string, Window>({ max: maxWindows });
  /** The window of this caller, with this request in it. */
  return (key: string, nowMs: number): Readonly<Window> => {
    let window = windows.get(key);
    if (window === undefined) windows.set(key, (window = { count: 0, endsAtMs: nowMs + windowMs }));
    else if (window.endsAtMs <= nowMs) {
      window.count = 0;
      window.endsAtMs = nowMs + windowMs;
    }
    window.count += 1;
    return window;
  };
};

/** Without a promise: this is on the way of every request (docs/adr/0078). */
export const rateLimit = (app: FastifyInstance, { rateLimitFactor }: { readonly rateLimitFactor: number }): void => {
  const scaled = (perMinute: number): number => Math.max(1, Math.floor(perMinute * rateLimitFactor));
  const anonymous = scaled(anonymousPerMinute);
  const byPlan = new Map(Object.entries(requestsPerMinute).map(([plan, perMinute]) => [plan, scaled(perMinute)]));
  const unknownPlan = byPlan.get('starter') ?? anonymous;
  const ofTenants = createWindows();
  const ofAddresses = createWindows();

  // After authentication (onRequest), so that the tenant is known; before the body is parsed.
  app.addHook('preParsing', (request, reply, _body, done) => {
    const { caller, route, startedAtMs: nowMs } = request;
    if (route.alwaysServed === true || route.url === undefined) return done();
    const { count, endsAtMs } = caller ? ofTenants(caller.tenantId, nowMs) : ofAddresses(request.ip, nowMs);
    const limit = caller ? (byPlan.get(caller.plan) ?? unknownPlan) : anonymous;
    const leftMs = endsAtMs - nowMs;
    const headers = headersOf(reply);
    headers['ratelimit-limit'] = String(limit);
    headers['ratelimit-remaining'] = String(Math.max(0, limit - count));
    headers['ratelimit-reset'] = String(Math.ceil(leftMs / 1_000));
    done(count > limit ? (appError('request.rate_limited', { retryAfterMs: leftMs }) as never) : null);
  });
};
