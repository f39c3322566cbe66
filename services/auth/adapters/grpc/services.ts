import { allow, allowAny, grpcService, method, publicMethod, type BoundService } from '#platform/grpc/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import {
  ApiKeyServiceService,
  AuthInternalServiceService,
  AuthServiceService,
  MemberServiceService,
} from '#proto/namaskah/auth/v1/auth.ts';
import type { UseCases } from '../../app/use-cases.ts';
import { fromRole, toActor, toApiKey, toMember, toPage, toRole, toTenant, toTokens, toUser } from './mapping.ts';

const members = ['owner', 'admin', 'staff', 'viewer'] as const;
const managers = ['owner', 'admin'] as const;

/** Counts what a call led to; the code of the refusal is the outcome. */
const counted = async <T>(count: (outcome: string) => void, work: Promise<T>): Promise<T> => {
  try {
    const result = await work;
    count('ok');
    return result;
  } catch (error) {
    count(isAppError(error) ? error.code : 'platform.internal');
    throw error;
  }
};

const authService = (app: UseCases, metrics: Metrics): BoundService => {
  const signIns = metrics.counter('sign_ins_total');
  const registrations = metrics.counter('registrations_total');
  const checks = metrics.counter('token_checks_total');
  return grpcService(AuthServiceService, {
    register: method(publicMethod(), async (request) => {
      const { user, tenant, isNew } = await app.register(request);
      if (isNew) registrations.inc();
      return { user: toUser(user), tenant: toTenant(tenant) };
    }),
    login: method(publicMethod(), async (request) => ({
      tokens: toTokens(await counted((outcome) => signIns.inc({ outcome }), app.login(request))),
    })),
    refresh: method(publicMethod(), async ({ refreshToken }) => ({
      tokens: toTokens(await counted((outcome) => checks.inc({ kind: 'refresh_token', outcome }), app.refresh(refreshToken))),
    })),
    logout: method(publicMethod(), async ({ refreshToken }, { principal }) => {
      await app.logout(principal && toActor(principal), refreshToken);
      return {};
    }),
    getMe: method(allowAny(), async (_request, { principal }) => {
      const { user, tenant, role, apiKey } = await app.getMe(toActor(principal));
      return { user: user && toUser(user), tenant: toTenant(tenant), role: toRole(role), apiKey: apiKey && toApiKey(apiKey) };
    }),
    verifyEmail: method(publicMethod(), async ({ token }) => {
      await app.verifyEmail(token);
      return {};
    }),
    resendEmailVerification: method(publicMethod(), async ({ email }) => {
      await app.resendEmailVerification(email);
      return {};
    }),
    getJwks: method(publicMethod(), () => ({ jwksJson: app.getJwks() })),
  });
};

const apiKeyService = (app: UseCases, metrics: Metrics): BoundService => {
  const checks = metrics.counter('token_checks_total');
  return grpcService(ApiKeyServiceService, {
    createApiKey: method(
      allow(...managers, { scope: 'api-keys:write' }),
      async ({ name, scopes, expiresAt, idempotencyKey }, { principal }) => {
        const created = await app.createApiKey(toActor(principal), { name, scopes, idempotencyKey, ...(expiresAt && { expiresAt }) });
        return { apiKey: toApiKey(created.apiKey), key: created.key };
      },
    ),
    listApiKeys: method(allow(...members, { scope: 'api-keys:read' }), async ({ page }, { principal }) => {
      const { items, nextCursor } = await app.listApiKeys(toActor(principal), toPage(page));
      return { apiKeys: items.map(toApiKey), nextCursor };
    }),
    revokeApiKey: method(allow(...managers, { scope: 'api-keys:write' }), async ({ id }, { principal }) => {
      await app.revokeApiKey(toActor(principal), id);
      return {};
    }),
    verifyApiKey: method(publicMethod(), async ({ key }) => {
      const verified = await counted((outcome) => checks.inc({ kind: 'api_key', outcome }), app.verifyApiKey(key));
      return { ...verified, role: toRole(verified.role), scopes: [...verified.scopes], expiresAt: verified.expiresAt };
    }),
  });
};

const memberService = (app: UseCases): BoundService =>
  grpcService(MemberServiceService, {
    listMembers: method(allow(...members, { scope: 'members:read' }), async ({ page }, { principal }) => {
      const { items, nextCursor } = await app.listMembers(toActor(principal), toPage(page));
      return { members: items.map(toMember), nextCursor };
    }),
    inviteMember: method(
      allow(...managers, { scope: 'members:write' }),
      async ({ email, role }, { principal }) => await app.inviteMember(toActor(principal), { email, role: fromRole(role) }),
    ),
    acceptInvitation: method(publicMethod(), async (request) => {
      const { user, tenant } = await app.acceptInvitation(request);
      return { user: toUser(user), tenant: toTenant(tenant) };
    }),
  });

const internalService = (app: UseCases): BoundService =>
  grpcService(AuthInternalServiceService, {
    issueEmailVerification: method(
      allow('system'),
      async ({ userId }, { principal }) => await app.issueEmailVerification(principal.tenantId, userId),
    ),
    issueInvitation: method(
      allow('system'),
      async ({ invitationId }, { principal }) => await app.issueInvitation(principal.tenantId, invitationId),
    ),
    getOwner: method(allow('system'), async (_request, { principal }) => await app.getOwner(principal.tenantId)),
    setTenantPlan: method(allow('system'), async ({ tenantId, plan }, { principal }) => {
      await app.setTenantPlan(principal.tenantId, tenantId, plan);
      return {};
    }),
  });

/** Every method of namaskah.auth.v1 with who may call it. */
export const authServices = (app: UseCases, metrics: Metrics): BoundService[] => [
  authService(app, metrics),
  apiKeyService(app, metrics),
  memberService(app),
  internalService(app),
];
