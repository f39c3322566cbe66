import { appError } from '#platform/errors/index.ts';
import { allow, type GrpcServer, grpcService, method, startGrpcServer } from '#platform/grpc/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { testPrincipalKey } from '#platform/testing/index.ts';
import { AuthInternalServiceService } from '#proto/namaskah/auth/v1/auth.ts';

export const addressOf = (subjectId: string): string => `ann-${subjectId}@example.com`;

/** Auth as far as notification sees it: tokens for the system's principal of the right tenant only. */
export const startAuthStub = async () => {
  const tenants = new Map<string, string>();
  const tokens = new Map<string, string>();
  const verified = new Set<string>();
  const state = { away: false, issued: 0, asked: 0, gate: Promise.resolve() };
  const issue = async (subjectId: string, tenantId: string): Promise<string> => {
    state.asked++;
    await state.gate;
    if (state.away) throw appError('platform.unavailable');
    if (tenants.get(subjectId) !== tenantId) throw appError('request.not_found');
    if (verified.has(subjectId)) return '';
    tokens.set(subjectId, `token-${++state.issued}`);
    return `token-${state.issued}`;
  };
  const server: GrpcServer = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    principalKey: testPrincipalKey,
    logger: createLogger({ service: 'auth-stub', level: 'silent' }),
    metrics: createMetrics(metricTable),
    services: [
      grpcService(AuthInternalServiceService, {
        issueEmailVerification: method(allow('system'), async ({ userId }, { principal }) => ({
          token: await issue(userId, principal.tenantId),
          email: addressOf(userId),
        })),
        issueInvitation: method(allow('system'), async ({ invitationId }, { principal }) => ({
          token: await issue(invitationId, principal.tenantId),
          email: addressOf(invitationId),
          tenantName: 'Ada Ltd',
        })),
        getOwner: method(allow('system'), async (_request, { principal }) => {
          state.asked++;
          await state.gate;
          if (state.away) throw appError('platform.unavailable');
          return { email: addressOf(principal.tenantId), tenantName: 'Ada Ltd' };
        }),
        setTenantPlan: method(allow('system'), () => {
          throw appError('platform.unimplemented');
        }),
      }),
    ],
  });
  return {
    ...{ state, verified },
    address: `127.0.0.1:${server.port}`,
    /** The subject exists in this tenant. */
    know: (subjectId: string, tenantId: string): void => void tenants.set(subjectId, tenantId),
    working: (subjectId: string): string => tokens.get(subjectId) ?? '',
    close: () => server.close(),
  };
};
