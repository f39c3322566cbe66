import { getEndpoint } from './get-endpoint.ts';
import type { DeliveryFilter, Endpoints, WebhookDeliveries } from './ports.ts';

/** Newest first. @throws request.not_found, request.invalid on a bad cursor */
export const listWebhookDeliveries =
  ({ endpoints, deliveries }: { endpoints: Pick<Endpoints, 'find'>; deliveries: Pick<WebhookDeliveries, 'list'> }) =>
  async (tenantId: string, endpointId: string, filter: DeliveryFilter) => {
    await getEndpoint({ endpoints })(tenantId, endpointId);
    return deliveries.list(tenantId, endpointId, filter);
  };
