import { appError } from '#platform/errors/index.ts';
import { allow, type GrpcServer, grpcService, method, startGrpcServer } from '#platform/grpc/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { testPrincipalKey } from '#platform/testing/index.ts';
import {
  type ReceivedMessage,
  type Verification,
  VerificationServiceService,
  VerificationStatus,
} from '#proto/namaskah/verification/v1/verification.ts';

export const phoneNumber = '+6281234567890';

/** The verification service as far as notification sees it: numbers and messages, for the system's principal of the right tenant only. */
export const startVerificationStub = async () => {
  const known = new Map<string, { readonly tenantId: string; readonly verification: Verification }>();
  const state = { away: false, asked: 0 };
  const refused = method(allow('system'), (): never => {
    throw appError('platform.unimplemented');
  });
  const server: GrpcServer = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    principalKey: testPrincipalKey,
    logger: createLogger({ service: 'verification-stub', level: 'silent' }),
    metrics: createMetrics(metricTable),
    services: [
      grpcService(VerificationServiceService, {
        getVerification: method(allow('system'), ({ id }, { principal }) => {
          state.asked++;
          if (state.away) throw appError('platform.unavailable');
          const found = known.get(id);
          if (found?.tenantId !== principal.tenantId) throw appError('request.not_found');
          return { verification: found.verification };
        }),
        createVerification: refused,
        listVerifications: refused,
        cancelVerification: refused,
      }),
    ],
  });
  return {
    state,
    address: `127.0.0.1:${server.port}`,
    know: (tenantId: string, id: string, messages: readonly Omit<ReceivedMessage, 'id'>[]): void => {
      const verification: Verification = {
        ...{ id, phoneNumber, service: 'telegram', country: 'ID', capability: 'sms', code: '', reason: '', version: 1n },
        ...{ price: undefined, expiresAt: undefined, createdAt: undefined, endedAt: undefined, cancellableAt: undefined },
        ...{ awaitsAnother: false, late: false, retryOf: '', reportReason: '' },
        status: VerificationStatus.VERIFICATION_STATUS_RECEIVED,
        messages: messages.map((message, index) => ({ ...message, id: String(index) })),
      };
      known.set(id, { tenantId, verification });
    },
    close: () => server.close(),
  };
};
