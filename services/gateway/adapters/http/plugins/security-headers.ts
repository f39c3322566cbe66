/**
 * The security headers of every answer. helmet decides them once, at start: they depend on nothing that a request says,
 * and asking it each time was a twentieth of what the gateway did.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';
import { beginHeaders, routeOf } from './fastify-inside.ts';

const decide = (): Readonly<Record<string, string>> => {
  const decided: Record<string, string> = {};
  const recorder = {
    setHeader: (name: string, value: unknown) => void (decided[name.toLowerCase()] = String(value)),
    removeHeader: () => {},
  };
  helmet({
    // No defaults: they would upgrade a page on plain http, as in development, to https.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], formAction: ["'self'"], styleSrc: ["'unsafe-inline'"] },
    },
    hsts: { maxAge: 31_536_000, includeSubDomains: false },
  })({} as IncomingMessage, recorder as unknown as ServerResponse, (error) => {
    if (error !== undefined) throw error as Error;
  });
  return decided;
};

/**
 * What a browser minds only when the answer is the page that it shows: an answer to a program, which no browser shows as a page (`nosniff`),
 * goes without.
 */
const ofPagesOnly = new Set([
  'cross-origin-opener-policy',
  'origin-agent-cluster',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-permitted-cross-domain-policies',
  'x-xss-protection',
]);

/**
 * Routes with `page: true` are shown to a person and have all of them. A page with other needs sets its own `content-security-policy` in
 * place of this one.
 *
 * Every answer begins with a copy of these headers, made at once: a call of `reply.header` for each of them was a tenth of what the
 * gateway's own half of a request cost, and each header that is sent is checked and written by Node once more.
 */
export const securityHeaders = (app: FastifyInstance): void => {
  const ofPages = decide();
  const ofAnswers = Object.fromEntries(Object.entries(ofPages).filter(([name]) => !ofPagesOnly.has(name)));
  app.addHook('onRequest', (request, reply, done) => {
    beginHeaders(reply, routeOf(request).page === true ? ofPages : ofAnswers);
    done();
  });
};
