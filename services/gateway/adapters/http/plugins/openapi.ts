/** OpenAPI 3.1 from the same schemas that check requests; browsable at /docs. */
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { publicAccess } from '../../../app/access.ts';
import { problems } from '../schemas.ts';

const description = `Rent phone numbers and receive their codes, send campaigns, pay from prepaid credits.

**Credentials**: \`Authorization: Bearer <access token or API key>\`. **Amounts** are decimal strings, never floats.
**Lists** answer \`{data, nextCursor}\`; pass \`cursor\` to go on. **Repeating** a POST is safe with \`Idempotency-Key\`.
**Errors** are RFC 9457 problems with a stable \`code\`, the refused fields, the request id and the trace id.`;

/** Of every route that reads a body: no route says so itself. */
const ofBodies = problems(413, 415);
const withOfBodies: NonNullable<FastifyDynamicSwaggerOptions['transform']> = ({ schema, url, route }) => {
  const response = schema?.response as Record<string, unknown> | undefined;
  const reads = [route.method].flat().some((method) => ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method));
  if (!reads || response === undefined) return { schema, url };
  return { schema: { ...schema, response: { ...ofBodies, ...response } }, url };
};

export const openApi = async (app: FastifyInstance, { publicUrl }: { readonly publicUrl: string }): Promise<void> => {
  await app.register(swagger, {
    transform: withOfBodies,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Namaskah', version: '2.0.0', description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      servers: [{ url: publicUrl }],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'Access token (JWT) or API key (nsk_live_…, nsk_test_…)' },
        },
      },
      security: [{ bearer: [] }],
      tags: [
        { name: 'auth', description: 'Sign up, sign in, members' },
        { name: 'api-keys', description: 'Keys for programs' },
        { name: 'catalogue', description: 'Services, countries, prices' },
        { name: 'prices', description: 'Your prices, quotes, promotion codes, why a charge is what it is' },
        { name: 'verifications', description: 'Rent a number, receive its code' },
        { name: 'stream', description: 'Everything that happens, live: server-sent events and WebSocket' },
        { name: 'wallet', description: 'Credits, payments, transactions' },
        { name: 'subscription', description: 'Plans and what you have subscribed to' },
        { name: 'documents', description: 'Invoices, credit notes, receipts, billing details' },
        { name: 'usage', description: 'What you used, what it costs beyond your plan, alerts' },
        { name: 'budgets', description: 'What may be spent; stopping all spending' },
        { name: 'contacts', description: 'People you may write to' },
        { name: 'campaigns', description: 'Messages to many' },
        { name: 'operators', description: 'For those who run the platform' },
        { name: 'admin', description: 'For those who run the platform' },
        { name: 'analytics', description: 'Figures of your tenant' },
      ],
    },
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { docExpansion: 'list', deepLinking: true, persistAuthorization: true },
  });
  app.get('/openapi.json', { schema: { hide: true }, config: { access: publicAccess } }, async () => app.swagger());
};
