import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { WebhookDelivery } from '../../domain/webhooks/delivery.ts';
import { bodyOf, eventTypeOf, testType } from '../../domain/webhooks/event-types.ts';
import { requireEnabled } from './get-endpoint.ts';
import type { Bodies, Endpoints, WebhookDeliveries } from './ports.ts';

export interface SendTestDependencies {
  readonly endpoints: Pick<Endpoints, 'find'>;
  readonly deliveries: Pick<WebhookDeliveries, 'addTest'>;
  readonly bodies: Pick<Bodies, 'seal'>;
  readonly clock: Clock;
  readonly wake: () => void;
}

/** @throws request.not_found, webhook.endpoint_disabled, request.idempotency_conflict */
export const sendTest =
  ({ endpoints, deliveries, bodies, clock, wake }: SendTestDependencies) =>
  async (tenantId: string, endpointId: string, idempotencyKey: string): Promise<WebhookDelivery> => {
    await requireEnabled({ endpoints })(tenantId, endpointId);
    const at = clock.now();
    const event = { eventId: newId(), tenantId, type: testType, occurredAt: at, sequence: 1, data: eventTypeOf(testType).example };
    const body = bodies.seal({ tenantId, endpointId }, bodyOf(event));
    const added = await deliveries.addTest({ id: newId(), endpointId, event, body, complete: true }, at, {
      key: idempotencyKey,
      request: { endpointId },
    });
    wake();
    return added;
  };
