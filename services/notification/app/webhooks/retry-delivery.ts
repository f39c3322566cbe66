import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { WebhookDelivery } from '../../domain/webhooks/delivery.ts';
import { requireEnabled } from './get-endpoint.ts';
import type { Endpoints, WebhookDeliveries } from './ports.ts';

export interface RetryDependencies {
  readonly endpoints: Pick<Endpoints, 'find'>;
  readonly deliveries: Pick<WebhookDeliveries, 'retry' | 'replay'>;
  readonly clock: Clock;
  readonly wake: () => void;
}

/** @throws request.not_found, webhook.endpoint_disabled */
export const retryDelivery =
  ({ endpoints, deliveries, clock, wake }: RetryDependencies) =>
  async (tenantId: string, endpointId: string, id: string): Promise<WebhookDelivery> => {
    await requireEnabled({ endpoints })(tenantId, endpointId);
    const delivery = await deliveries.retry(tenantId, endpointId, id, clock.now());
    if (delivery === undefined) throw appError('request.not_found');
    wake();
    return delivery;
  };
