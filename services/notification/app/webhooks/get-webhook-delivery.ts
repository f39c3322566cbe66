import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Attempt, WebhookDelivery } from '../../domain/webhooks/delivery.ts';
import { maskedBody } from '../../domain/webhooks/event-types.ts';
import type { Bodies, WebhookDeliveries } from './ports.ts';

/** With its attempts, oldest first, and the body with codes, texts and numbers hidden. @throws request.not_found */
export const getWebhookDelivery =
  ({ deliveries, bodies }: { deliveries: Pick<WebhookDeliveries, 'find' | 'attempts'>; bodies: Pick<Bodies, 'open'> }) =>
  async (
    tenantId: string,
    endpointId: string,
    id: string,
  ): Promise<{ readonly delivery: WebhookDelivery; readonly attempts: readonly Attempt[]; readonly body: string }> => {
    if (!isUuid(id)) throw appError('request.not_found');
    // In this order: an attempt is written together with what it did to the delivery, so none is shown whose outcome is not.
    const attempts = await deliveries.attempts(tenantId, id);
    const delivery = await deliveries.find(tenantId, endpointId, id);
    if (delivery === undefined) throw appError('request.not_found');
    return { delivery, attempts, body: maskedBody(bodies.open(delivery, delivery.body)) };
  };
