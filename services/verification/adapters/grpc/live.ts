import { LiveServiceService } from '#proto/namaskah/verification/v1/live.ts';
import { allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import type { getVerifications } from '../../app/live/get-verifications.ts';
import { toMessage } from './mapping.ts';

export const liveService = (useCases: { readonly getVerifications: ReturnType<typeof getVerifications> }): BoundService =>
  grpcService(LiveServiceService, {
    getVerifications: method(allowAny({ scope: 'verifications:read' }), async ({ ids }, { principal }) => ({
      verifications: (await useCases.getVerifications({ tenantId: principal.tenantId, ids })).map(toMessage),
    })),
  });
