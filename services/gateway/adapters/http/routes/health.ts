import { Type } from 'typebox';
import { publicAccess } from '../../../app/access.ts';
import { closed } from '../schemas.ts';
import type { App } from './index.ts';

/** State of each part; `ready` only when all are. */
export interface Readiness {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, string>>;
}

const Health = Type.Object({ status: Type.String(), parts: Type.Optional(Type.Record(Type.String(), Type.String())) }, closed);

export const healthRoutes = (app: App, { readiness }: { readonly readiness: () => Promise<Readiness> }): void => {
  const config = { access: publicAccess, alwaysServed: true };
  app.get(
    '/health/live',
    { config, schema: { tags: ['health'], summary: 'The process runs', security: [], response: { 200: Health } } },
    async () => ({ status: 'live' }),
  );
  app.get(
    '/health/ready',
    {
      config,
      schema: {
        tags: ['health'],
        summary: 'Requests can be served; names the part that is not ready',
        security: [],
        response: { 200: Health, 503: Health },
      },
    },
    async (_request, reply) => {
      const { ready, parts } = await readiness();
      return reply
        .code(ready ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ status: ready ? 'ready' : 'not ready', parts: { ...parts } });
    },
  );
};
