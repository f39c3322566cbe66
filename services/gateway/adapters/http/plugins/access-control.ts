/** Credentials are checked before the body is read: a stranger learns nothing about schemas and costs nothing. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { authorise, publicAccess, type Access } from '../../../app/access.ts';
import type { Authenticate } from '../../../app/authenticate.ts';
import type { Caller } from '../../../app/ports.ts';

export interface RouteRow {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route with its access rule: what the tests of wrong callers walk through. */
    readonly routeTable: readonly RouteRow[];
  }
}

/**
 * The Authorization header; of a WebSocket, which a browser cannot give one, also "bearer.<credential>" among the offered protocols: in
 * the address it would stand in logs.
 */
export const credentialOf = (headers: FastifyRequest['headers']): string | undefined => {
  const { authorization, upgrade } = headers;
  if (authorization !== undefined || upgrade === undefined) return authorization;
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
  const credential = offered?.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length);
  return credential === undefined ? undefined : `Bearer ${credential}`;
};

export const accessControl = (app: FastifyInstance, { authenticate }: { readonly authenticate: Authenticate }): void => {
  const table: RouteRow[] = [];
  app.decorate('routeTable', table);
  app.addHook('onRoute', (route) => {
    const { url, method, config } = route;
    // The documentation viewer registers its own routes: readable by anyone, in a browser.
    if (url.startsWith('/docs')) route.config = { ...config, access: publicAccess, page: true };
    else if (!config?.access) throw new Error(`route ${String(method)} ${url} declares no access rule`);
    for (const each of Array.isArray(method) ? method : [method])
      table.push({ method: each, url, access: route.config?.access ?? publicAccess });
  });
  app.addHook('onRequest', (request, _reply, done): void | Promise<void> => {
    const { access } = request.route;
    // No route matched: the not-found handler answers, the same to everybody.
    if (!access || access.kind === 'public') return done();
    const admit = (caller: Caller | undefined): void => {
      request.caller = caller;
      authorise(access, caller);
    };
    const caller = authenticate(credentialOf(request.headers));
    if (caller instanceof Promise) return caller.then(admit);
    admit(caller);
    done();
  });
};
