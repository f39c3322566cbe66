import { appError } from '#platform/errors/index.ts';
import type { Attempt, WebhookDelivery } from '../../domain/webhooks/delivery.ts';
import type { WebhookDeliveries } from './ports.ts';

/** With its attempts, oldest first. @throws request.not_found */
export const getWebhookDelivery =
  ({ deliveries }: { deliveries: Pick<WebhookDeliveries, 'find' | 'attempts'> }) =>
  async (
    tenantId: string,
    endpointId: string,
    id: string,
  ): Promise<{ readonly delivery: WebhookDelivery; readonly attempts: readonly Attempt[] }> => {
    const delivery = await deliveries.find(tenantId, endpointId, id);
    if (delivery === undefined) throw appError('request.not_found');
    return { delivery, attempts: await deliveries.attempts(tenantId, id) };
  };
