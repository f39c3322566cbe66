/**
 * Calls from outside: payment gateways and number providers. The bytes go on as they came, because signatures are over
 * bytes; who they are is checked by the service that owns them. Answered also under pressure: a refused callback is
 * repeated later and costs more.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { publicAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';

const textHeaders = (headers: FastifyRequest['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' && name !== 'authorization' && name !== 'cookie' ? [[name, value]] : [],
    ),
  );

const bytes = (body: unknown): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));

export const callbackRoutes = async (app: FastifyInstance, { payments, providerPush }: Backends): Promise<void> => {
  const options = { config: { access: publicAccess, alwaysServed: true }, schema: { hide: true } };
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { gateway: string } }>('/v2/callbacks/payments/:gateway', options, async (request, reply) => {
      await payments.receiveNotification(
        { gateway: request.params.gateway, headers: textHeaders(request.headers), rawBody: bytes(request.body) },
        callOptions(request),
      );
      return reply.code(200).send({ received: true });
    });
    scope.post<{ Params: { provider: string; secret: string } }>(
      '/v2/callbacks/providers/:provider/:secret',
      options,
      async (request, reply) => {
        const { provider, secret } = request.params;
        await providerPush.receivePush(
          { provider, secret, headers: textHeaders(request.headers), rawBody: bytes(request.body) },
          callOptions(request),
        );
        return reply.code(200).send({ received: true });
      },
    );
  });
};
