import { appError } from '#platform/errors/index.ts';
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
    const delivery = await deliveries.find(tenantId, endpointId, id);
    if (delivery === undefined) throw appError('request.not_found');
    return { delivery, attempts: await deliveries.attempts(tenantId, id), body: maskedBody(bodies.open(delivery, delivery.body)) };
  };
