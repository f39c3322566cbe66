import { LiveServiceService } from '#proto/namaskah/verification/v1/live.ts';
import { allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import type { getRentals } from '../../app/live/get-rentals.ts';
import type { getVerifications } from '../../app/live/get-verifications.ts';
import { toMessage } from './mapping.ts';
import { toRental } from './rental-mapping.ts';

export const liveService = (useCases: {
  readonly getVerifications: ReturnType<typeof getVerifications>;
  readonly getRentals: ReturnType<typeof getRentals>;
}): BoundService =>
  grpcService(LiveServiceService, {
    getVerifications: method(allowAny({ scope: 'verifications:read' }), async ({ ids, versions }, { principal }) => ({
      verifications: (await useCases.getVerifications({ tenantId: principal.tenantId, ids, versions: versions.map(Number) })).map(
        toMessage,
      ),
    })),
    getRentals: method(allowAny({ scope: 'verifications:read' }), async ({ ids, messageIds }, { principal }) => {
      const { rentals, messages } = await useCases.getRentals({ tenantId: principal.tenantId, ids, messageIds });
      return { rentals: rentals.map(toRental), messages: messages.map((message) => ({ ...message })) };
    }),
  });
