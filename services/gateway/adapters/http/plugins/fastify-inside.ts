/**
 * Two private parts of Fastify, for what every request passes: its public ways to them make an object anew at each look, or look a header
 * up by a name in lower case each time one is set. Fastify is pinned, and the tests of all answers and of access rules notice another one.
 */
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import symbols from 'fastify/lib/symbols.js';

/** The rules of a route, and its address as it was declared; without one when no route matched. */
export interface Route extends FastifyContextConfig {
  readonly url?: string;
}

/** The same as `request.routeOptions.config`. */
export const routeOf = (request: FastifyRequest): Route =>
  (request as unknown as Record<typeof symbols.kRouteContext, { readonly config: Route }>)[symbols.kRouteContext].config;

type Headers = Record<string, string>;
type Inside = Record<typeof symbols.kReplyHeaders, Headers>;

/** The answer's headers, by names in lower case. */
export const headersOf = (reply: FastifyReply): Headers => (reply as unknown as Inside)[symbols.kReplyHeaders];

/** Begins an answer's headers with a copy of these. */
export const beginHeaders = (reply: FastifyReply, headers: Readonly<Headers>): void => {
  (reply as unknown as Inside)[symbols.kReplyHeaders] = { ...headers };
};
