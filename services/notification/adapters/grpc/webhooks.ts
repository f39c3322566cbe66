import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import * as proto from '#proto/namaskah/notification/v1/webhooks.ts';
import type { createEndpoint } from '../../app/webhooks/create-endpoint.ts';
import type { deleteEndpoint } from '../../app/webhooks/delete-endpoint.ts';
import type { getEndpoint } from '../../app/webhooks/get-endpoint.ts';
import type { getWebhookDelivery } from '../../app/webhooks/get-webhook-delivery.ts';
import type { listEndpoints } from '../../app/webhooks/list-endpoints.ts';
import type { listWebhookDeliveries } from '../../app/webhooks/list-webhook-deliveries.ts';
import type { replayDeliveries } from '../../app/webhooks/replay-deliveries.ts';
import type { retryDelivery } from '../../app/webhooks/retry-delivery.ts';
import type { rotateSecret } from '../../app/webhooks/rotate-secret.ts';
import type { sendTest } from '../../app/webhooks/send-test.ts';
import type { updateEndpoint } from '../../app/webhooks/update-endpoint.ts';
import type { WebhookDelivery } from '../../domain/webhooks/delivery.ts';
import type { Endpoint } from '../../domain/webhooks/endpoint.ts';
import { bodyOf, eventTypes } from '../../domain/webhooks/event-types.ts';

export interface WebhookUseCases {
  readonly createEndpoint: ReturnType<typeof createEndpoint>;
  readonly getEndpoint: ReturnType<typeof getEndpoint>;
  readonly listEndpoints: ReturnType<typeof listEndpoints>;
  readonly updateEndpoint: ReturnType<typeof updateEndpoint>;
  readonly deleteEndpoint: ReturnType<typeof deleteEndpoint>;
  readonly rotateSecret: ReturnType<typeof rotateSecret>;
  readonly sendTest: ReturnType<typeof sendTest>;
  readonly listWebhookDeliveries: ReturnType<typeof listWebhookDeliveries>;
  readonly getWebhookDelivery: ReturnType<typeof getWebhookDelivery>;
  readonly retryDelivery: ReturnType<typeof retryDelivery>;
  readonly replayDeliveries: ReturnType<typeof replayDeliveries>;
}

const endpointMessage = ({ tenantId: _tenant, eventTypes: types, ...endpoint }: Endpoint): proto.Endpoint => ({
  ...endpoint,
  eventTypes: [...types],
});
const deliveryMessage = ({ tenantId: _tenant, body: _sealed, ...delivery }: WebhookDelivery): proto.WebhookDelivery => delivery;

/** A text that is no id names nothing. */
const idOf = (text: string): string => {
  if (!isUuid(text)) throw appError('request.not_found');
  return text;
};
const oneOf = <const T extends string>(field: string, text: string, allowed: readonly T[]): T | undefined => {
  if (text === '') return undefined;
  const found = allowed.find((each) => each === text);
  if (found === undefined) throw appError('request.invalid', { fields: [{ field, reason: `must be one of ${allowed.join(', ')}` }] });
  return found;
};
const required = (field: string, at: Date | undefined): Date => {
  if (at === undefined) throw appError('request.invalid', { fields: [{ field, reason: 'is required' }] });
  return at;
};

const exampleEvent = {
  eventId: '01931c96-06ac-7972-a9b6-2cd9f0a1b2c3',
  tenantId: '',
  occurredAt: new Date('2026-11-21T08:30:00Z'),
  sequence: 2,
};
const catalogue: proto.EventType[] = eventTypes.map(({ type, version, description, example }) => ({
  ...{ type, version, description },
  exampleJson: bodyOf({ ...exampleEvent, type, data: example }),
}));

const reading = allowAny({ scope: 'webhooks:read' });
const writing = allow('owner', 'admin', { scope: 'webhooks:write' });

export const webhookService = (webhooks: WebhookUseCases): BoundService =>
  grpcService(proto.WebhookServiceService, {
    createEndpoint: method(writing, async (request, { principal }) => {
      const { endpoint, secret } = await webhooks.createEndpoint(principal, request);
      return { endpoint: endpointMessage(endpoint), secret };
    }),
    getEndpoint: method(reading, async ({ id }, { principal }) => ({
      endpoint: endpointMessage(await webhooks.getEndpoint(principal.tenantId, idOf(id))),
    })),
    listEndpoints: method(reading, async (_request, { principal }) => ({
      endpoints: (await webhooks.listEndpoints(principal.tenantId)).map(endpointMessage),
    })),
    updateEndpoint: method(writing, async ({ id, url, description, eventTypes: types, enabled }, { principal }) => ({
      endpoint: endpointMessage(
        await webhooks.updateEndpoint(principal, idOf(id), { url, description, eventTypes: types?.values, enabled }),
      ),
    })),
    deleteEndpoint: method(writing, async ({ id }, { principal }) => {
      await webhooks.deleteEndpoint(principal.tenantId, idOf(id));
      return {};
    }),
    rotateSecret: method(writing, async ({ id, overlapHours, idempotencyKey }, { principal }) => {
      const { endpoint, secret } = await webhooks.rotateSecret(principal.tenantId, idOf(id), { overlapHours, idempotencyKey });
      return { endpoint: endpointMessage(endpoint), secret };
    }),
    sendTest: method(writing, async ({ id, idempotencyKey }, { principal }) => ({
      delivery: deliveryMessage(await webhooks.sendTest(principal.tenantId, idOf(id), idempotencyKey)),
    })),
    listWebhookDeliveries: method(reading, async ({ endpointId, status, eventType, from, to, page }, { principal }) => {
      const { deliveries, nextCursor } = await webhooks.listWebhookDeliveries(principal.tenantId, idOf(endpointId), {
        ...{ from, to, limit: pageLimit(page?.limit), cursor: page?.cursor ?? '' },
        status: oneOf('status', status, ['pending', 'delivered', 'failed']),
        eventType: eventType === '' ? undefined : eventType,
      });
      return { deliveries: deliveries.map(deliveryMessage), nextCursor };
    }),
    getWebhookDelivery: method(reading, async ({ endpointId, id }, { principal }) => {
      const { delivery, attempts, body } = await webhooks.getWebhookDelivery(principal.tenantId, idOf(endpointId), idOf(id));
      return { delivery: deliveryMessage(delivery), attempts: [...attempts], body };
    }),
    retryDelivery: method(writing, async ({ endpointId, id }, { principal }) => ({
      delivery: deliveryMessage(await webhooks.retryDelivery(principal.tenantId, idOf(endpointId), idOf(id))),
    })),
    replayDeliveries: method(writing, async ({ endpointId, from, to, eventTypes: types, status }, { principal }) => ({
      replayed: await webhooks.replayDeliveries(principal.tenantId, idOf(endpointId), {
        ...{ from: required('from', from), to: required('to', to), eventTypes: types },
        status: oneOf('status', status, ['delivered', 'failed']),
      }),
    })),
    listEventTypes: method(reading, async () => ({ eventTypes: catalogue })),
  });
