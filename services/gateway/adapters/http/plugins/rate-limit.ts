/**
 * Requests a minute by plan (B3), per tenant; without credentials per address. The window is this process's own;
 * several gateways need a shared store.
 */
import fastifyRateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { appError } from '#platform/errors/index.ts';

export const requestsPerMinute: Readonly<Record<string, number>> = { starter: 100, pro: 500, enterprise: 2_000 };
/** For callers without credentials, per address: sign-in, catalogue documents. */
const anonymousPerMinute = 300;

export const rateLimit = async (app: FastifyInstance, { rateLimitFactor }: { readonly rateLimitFactor: number }): Promise<void> => {
  const limitOf = (plan: string | undefined): number =>
    Math.max(
      1,
      Math.floor(
        (plan === undefined ? anonymousPerMinute : (requestsPerMinute[plan] ?? requestsPerMinute['starter'] ?? 100)) * rateLimitFactor,
      ),
    );
  await app.register(fastifyRateLimit, {
    global: true,
    // After authentication (onRequest hooks run first), so that the tenant is known; before the body is parsed.
    hook: 'preParsing',
    timeWindow: 60_000,
    cache: 20_000,
    keyGenerator: (request) => (request.caller ? `tenant:${request.caller.tenantId}` : `ip:${request.ip}`),
    max: (request) => limitOf(request.caller?.plan),
    allowList: (request) => request.routeOptions.config.alwaysServed === true,
    enableDraftSpec: true,
    errorResponseBuilder: (_request, { ttl }) => appError('request.rate_limited', { retryAfterMs: ttl }),
  });
};
