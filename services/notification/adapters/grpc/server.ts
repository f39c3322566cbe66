import { allowAny, grpcService, method, type BoundService } from '#platform/grpc/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import { NotificationServiceService } from '#proto/namaskah/notification/v1/notification.ts';
import type { listDeliveries } from '../../app/list-deliveries.ts';

export const notificationService = (useCases: { readonly listDeliveries: ReturnType<typeof listDeliveries> }): BoundService =>
  grpcService(NotificationServiceService, {
    listDeliveries: method(allowAny({ scope: 'members:read' }), async ({ page }, { principal }) => {
      const { deliveries, nextCursor } = await useCases.listDeliveries(principal.tenantId, {
        limit: pageLimit(page?.limit),
        cursor: page?.cursor ?? '',
      });
      return {
        deliveries: deliveries.map(({ id, kind, recipientMasked, status, attempts, createdAt, sentAt }) => ({
          id,
          kind,
          recipientMasked,
          status,
          attempts,
          createdAt,
          sentAt,
        })),
        nextCursor,
      };
    }),
  });
