import { Type } from 'typebox';
import { optionalAccess, publicAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { edgeId, fromEnum, fromTime } from '../mapping.ts';
import { closed, id, problems, Timestamp } from '../schemas.ts';
import type { TokenPair } from '#proto/namaskah/auth/v1/auth.ts';
import { apiKeyFromProto, ApiKey } from './api-keys.ts';
import type { App } from './index.ts';

export const Email = Type.String({ format: 'email', maxLength: 254, examples: ['ada@example.com'] });
export const Password = Type.String({
  minLength: 8,
  maxLength: 256,
  description: 'At least 8 characters; passwords from stolen lists are refused',
  examples: ['plum-otter-candle-91'],
});
export const UserRef = Type.Object({ id: id('usr'), email: Type.String() }, closed);
export const TenantRef = Type.Object({ id: id('ten'), name: Type.String() }, closed);
const Tokens = Type.Object(
  {
    accessToken: Type.String(),
    refreshToken: Type.String(),
    tokenType: Type.Literal('Bearer'),
    expiresIn: Type.Integer({ description: 'Seconds' }),
  },
  closed,
);
const Me = Type.Object(
  {
    user: Type.Union(
      [Type.Object({ id: id('usr'), email: Type.String(), emailVerified: Type.Boolean(), createdAt: Timestamp }, closed), Type.Null()],
      { description: 'null for an API key' },
    ),
    tenant: Type.Object({ id: id('ten'), name: Type.String(), plan: Type.String(), createdAt: Timestamp }, closed),
    role: Type.String({ examples: ['owner'] }),
    plan: Type.String({ examples: ['starter'] }),
    apiKey: Type.Union([ApiKey, Type.Null()]),
  },
  closed,
);

const tokensFromProto = (tokens: TokenPair | undefined) => ({
  accessToken: tokens?.accessToken ?? '',
  refreshToken: tokens?.refreshToken ?? '',
  tokenType: 'Bearer' as const,
  expiresIn: tokens?.expiresInSeconds ?? 0,
});

export const authRoutes = (app: App, { auth }: Backends): void => {
  const tags = ['auth'];
  app.post(
    '/v2/auth/register',
    {
      config: { access: publicAccess },
      schema: {
        tags,
        summary: 'Register an organization and its owner',
        description:
          'The answer is the same when the address is registered already (its owner is not revealed). A mail with a verification link follows.',
        security: [],
        body: Type.Object(
          {
            email: Email,
            password: Password,
            organization: Type.String({ minLength: 1, maxLength: 120, pattern: String.raw`\S`, examples: ['Analytical Engines'] }),
          },
          closed,
        ),
        response: { 201: Type.Object({ user: UserRef, tenant: TenantRef }, closed), ...problems(422) },
      },
    },
    async (request, reply) => {
      const { user, tenant } = await auth.register(request.body, callOptions(request));
      return reply.code(201).send({
        user: { id: edgeId('user', user?.id ?? ''), email: user?.email ?? '' },
        tenant: { id: edgeId('tenant', tenant?.id ?? ''), name: tenant?.name ?? '' },
      });
    },
  );
  app.post(
    '/v2/auth/login',
    {
      config: { access: publicAccess },
      schema: {
        tags,
        summary: 'Sign in',
        security: [],
        body: Type.Object({ email: Email, password: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
        response: { 200: Tokens, ...problems(422) },
      },
    },
    async (request) => {
      const userAgent = (request.headers['user-agent'] ?? '').slice(0, 256);
      const { tokens } = await auth.login({ ...request.body, userAgent, ipAddress: request.ip }, callOptions(request));
      return tokensFromProto(tokens);
    },
  );
  app.post(
    '/v2/auth/refresh',
    {
      config: { access: publicAccess },
      schema: {
        tags,
        summary: 'Exchange a refresh token',
        description:
          'Each refresh token is good once. Repeating within 30 seconds gives the same successor; later use of an old token ends the session.',
        security: [],
        body: Type.Object({ refreshToken: Type.String({ minLength: 1, maxLength: 512 }) }, closed),
        response: { 200: Tokens, ...problems(422) },
      },
    },
    async (request) => tokensFromProto((await auth.refresh(request.body, callOptions(request))).tokens),
  );
  app.post(
    '/v2/auth/logout',
    {
      config: { access: optionalAccess },
      schema: {
        tags,
        summary: 'End the session',
        description: 'Ends the session of the access token, or of the refresh token given in the body.',
        body: Type.Optional(
          Type.Union([Type.Object({ refreshToken: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })) }, closed), Type.Null()]),
        ),
        response: { 204: Type.Null(), ...problems(422) },
      },
    },
    async (request, reply) => {
      await auth.logout({ refreshToken: request.body?.refreshToken ?? '' }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
  app.post(
    '/v2/auth/verify-email',
    {
      config: { access: publicAccess },
      schema: {
        tags,
        summary: 'Confirm an e-mail address',
        security: [],
        body: Type.Object({ token: Type.String({ minLength: 1, maxLength: 512 }) }, closed),
        response: { 204: Type.Null(), ...problems(422) },
      },
    },
    async (request, reply) => {
      await auth.verifyEmail(request.body, callOptions(request));
      return reply.code(204).send(null);
    },
  );
  app.post(
    '/v2/auth/resend-verification',
    {
      config: { access: publicAccess },
      schema: {
        tags,
        summary: 'Send the verification mail again',
        description: 'Always 202, whether or not the address is known.',
        security: [],
        body: Type.Object({ email: Email }, closed),
        response: { 202: Type.Null(), ...problems(422) },
      },
    },
    async (request, reply) => {
      await auth.resendEmailVerification(request.body, callOptions(request));
      return reply.code(202).send(null);
    },
  );
  app.get(
    '/v2/me',
    { config: { access: readAccess() }, schema: { tags, summary: 'Who am I', response: { 200: Me, ...problems() } } },
    async (request) => {
      const { user, tenant, role, apiKey } = await auth.getMe({}, callOptions(request));
      return {
        user: user
          ? { id: edgeId('user', user.id), email: user.email, emailVerified: user.emailVerified, createdAt: fromTime(user.createdAt) ?? '' }
          : null,
        tenant: {
          id: edgeId('tenant', tenant?.id ?? ''),
          name: tenant?.name ?? '',
          plan: tenant?.plan ?? '',
          createdAt: fromTime(tenant?.createdAt) ?? '',
        },
        role: fromEnum('ROLE', role),
        plan: tenant?.plan ?? '',
        apiKey: apiKey ? apiKeyFromProto(apiKey) : null,
      };
    },
  );
  app.get('/.well-known/jwks.json', { config: { access: publicAccess }, schema: { hide: true } }, async (request, reply) => {
    const { jwksJson } = await auth.getJwks({}, callOptions(request));
    return reply.type('application/jwk-set+json').header('cache-control', 'public, max-age=300').send(jwksJson);
  });
};
