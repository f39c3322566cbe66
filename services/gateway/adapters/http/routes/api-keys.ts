import { Type } from 'typebox';
import { adminAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromTime, page, toPage, toTime } from '../mapping.ts';
import { closed, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { ApiKey as ApiKeyMessage } from '#proto/namaskah/auth/v1/auth.ts';
import type { App } from './index.ts';

const MaybeTime = Type.Union([Timestamp, Type.Null()]);
const fields = {
  id: id('key'),
  name: Type.String(),
  prefix: Type.String({ description: 'Enough of the key to recognise it', examples: ['nsk_live_9Qx2'] }),
  mode: Type.String({ examples: ['live'] }),
  scopes: Type.Array(Type.String()),
  createdAt: Timestamp,
  expiresAt: MaybeTime,
  lastUsedAt: MaybeTime,
  revokedAt: MaybeTime,
};
export const ApiKey = Type.Object(fields, closed);

export const apiKeyFromProto = (key: ApiKeyMessage) => ({
  id: edgeId('apiKey', key.id),
  name: key.name,
  prefix: key.prefix,
  mode: key.mode,
  scopes: key.scopes,
  createdAt: fromTime(key.createdAt) ?? '',
  expiresAt: fromTime(key.expiresAt),
  lastUsedAt: fromTime(key.lastUsedAt),
  revokedAt: fromTime(key.revokedAt),
});

export const apiKeyRoutes = (app: App, { apiKeys }: Backends): void => {
  const tags = ['api-keys'];
  app.post(
    '/v2/api-keys',
    {
      config: { access: adminAccess('api-keys:write') },
      schema: {
        tags,
        summary: 'Create a key',
        description: 'The key itself is in this answer only.',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 100, examples: ['checkout server'] }),
            scopes: Type.Optional(
              Type.Array(Type.String({ minLength: 1, maxLength: 50 }), {
                minItems: 1,
                maxItems: 50,
                description: 'Everything by default',
                examples: [['verifications:read', 'verifications:write']],
              }),
            ),
            expiresAt: Type.Optional(Timestamp),
          },
          closed,
        ),
        response: { 201: Type.Object({ ...fields, key: Type.String({ examples: ['nsk_live_…'] }) }, closed), ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { name, scopes = [], expiresAt } = request.body;
      const { apiKey, key } = await apiKeys.createApiKey(
        { name, scopes, expiresAt: toTime(expiresAt), idempotencyKey: idempotencyKeyOf(request) },
        callOptions(request),
      );
      if (!apiKey) throw new Error('the auth service answered without a key');
      return reply.code(201).send({ ...apiKeyFromProto(apiKey), key });
    },
  );
  app.get(
    '/v2/api-keys',
    {
      config: { access: readAccess('api-keys:read') },
      schema: {
        tags,
        summary: 'List keys',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(ApiKey), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await apiKeys.listApiKeys({ page: toPage(request.query) }, callOptions(request));
      return page(answer.apiKeys, answer.nextCursor, apiKeyFromProto);
    },
  );
  app.delete(
    '/v2/api-keys/:id',
    {
      config: { access: adminAccess('api-keys:write') },
      schema: {
        tags,
        summary: 'Revoke a key',
        description: 'Takes effect everywhere within a second.',
        params: Type.Object({ id: Type.String() }),
        response: { 204: Type.Null(), ...problems(403, 404) },
      },
    },
    async (request, reply) => {
      await apiKeys.revokeApiKey({ id: pathId('apiKey', request.params.id) }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
};
