import { Type } from 'typebox';
import { adminAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { page, toPage, toTime } from '../mapping.ts';
import { IdempotencyHeaders, pageOf, problems } from '../schemas.ts';
import {
  attemptFromProto,
  Delivery,
  deliveryFromProto,
  DeliveryInFull,
  DeliveryQuery,
  EventTypeShape,
  NewWebhook,
  Replay,
  Replayed,
  Rotation,
  Webhook,
  WebhookChange,
  webhookFromProto,
  WebhookWithSecret,
} from '../webhook-shapes.ts';
import type { App } from './index.ts';

const tags = ['webhooks'];
const reading = readAccess('webhooks:read');
/** Whoever names an endpoint says where the codes go: as grave as making a key. */
const writing = adminAccess('webhooks:write');
const params = Type.Object({ id: Type.String() });
const deliveryParams = Type.Object({ id: Type.String(), deliveryId: Type.String() });
const defaultOverlapHours = 24;

const endpointRoutes = (app: App, { webhooks }: Backends): void => {
  app.post(
    '/v2/webhooks',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Register an endpoint',
        description:
          'It is told by HTTP what happens, signed as https://www.standardwebhooks.com says. The secret is in this answer only (a repetition with the same Idempotency-Key gives it again). How many there may be depends on the plan.',
        headers: IdempotencyHeaders,
        body: NewWebhook,
        response: { 201: WebhookWithSecret, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { url, description = '', eventTypes } = request.body;
      const wish = { url, description, eventTypes, idempotencyKey: idempotencyKeyOf(request) };
      const { endpoint, secret } = await webhooks.createEndpoint(wish, callOptions(request));
      return reply.code(201).send({ ...webhookFromProto(endpoint), secret });
    },
  );
  app.get(
    '/v2/webhooks',
    {
      config: { access: reading },
      schema: { tags, summary: 'All endpoints, oldest first', response: { 200: pageOf(Webhook), ...problems(403) } },
    },
    async (request) => {
      const { endpoints } = await webhooks.listEndpoints({}, callOptions(request));
      return { data: endpoints.map(webhookFromProto), nextCursor: null };
    },
  );
  app.get(
    '/v2/webhooks/:id',
    { config: { access: reading }, schema: { tags, summary: 'One endpoint', params, response: { 200: Webhook, ...problems(403, 404) } } },
    async (request) =>
      webhookFromProto((await webhooks.getEndpoint({ id: pathId('webhook', request.params.id) }, callOptions(request))).endpoint),
  );
  app.patch(
    '/v2/webhooks/:id',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Change an endpoint, or switch it on or off',
        description:
          'Deliveries that wait go to the new address. What waits for an endpoint that is switched off fails: replay it later. What happens while you have it off is not kept.',
        params,
        body: WebhookChange,
        response: { 200: Webhook, ...problems(403, 404, 409, 422) },
      },
    },
    async (request) => {
      const { url, description, eventTypes, enabled } = request.body;
      const answer = await webhooks.updateEndpoint(
        {
          ...{ id: pathId('webhook', request.params.id), url, description, enabled },
          eventTypes: eventTypes === undefined ? undefined : { values: eventTypes },
        },
        callOptions(request),
      );
      return webhookFromProto(answer.endpoint);
    },
  );
  app.delete(
    '/v2/webhooks/:id',
    {
      config: { access: writing },
      schema: { tags, summary: 'Delete an endpoint with its deliveries', params, response: { 204: Type.Null(), ...problems(403, 404) } },
    },
    async (request, reply) => {
      await webhooks.deleteEndpoint({ id: pathId('webhook', request.params.id) }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
  app.post(
    '/v2/webhooks/:id/rotate-secret',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'A new secret',
        description:
          'Until the overlap ends every request carries both signatures, so a receiver can change its secret without a gap. The new secret is in this answer only.',
        params,
        headers: IdempotencyHeaders,
        body: Rotation,
        response: { 200: WebhookWithSecret, ...problems(403, 404, 409, 422) },
      },
    },
    async (request) => {
      const { overlapHours = defaultOverlapHours } = request.body;
      const { endpoint, secret } = await webhooks.rotateSecret(
        { id: pathId('webhook', request.params.id), overlapHours, idempotencyKey: idempotencyKeyOf(request) },
        callOptions(request),
      );
      return { ...webhookFromProto(endpoint), secret };
    },
  );
  app.post(
    '/v2/webhooks/:id/test',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Send webhook.test to an endpoint',
        description: 'Whatever it has subscribed to. What came of it is in the log of deliveries.',
        params,
        headers: IdempotencyHeaders,
        response: { 202: Delivery, ...problems(403, 404, 409) },
      },
    },
    async (request, reply) => {
      const { delivery } = await webhooks.sendTest(
        { id: pathId('webhook', request.params.id), idempotencyKey: idempotencyKeyOf(request) },
        callOptions(request),
      );
      return reply.code(202).send(deliveryFromProto(delivery));
    },
  );
};

const deliveryRoutes = (app: App, { webhooks }: Backends): void => {
  app.get(
    '/v2/webhooks/:id/deliveries',
    {
      config: { access: reading },
      schema: {
        tags,
        summary: 'Deliveries of an endpoint, newest first',
        description: 'Kept for 30 days.',
        params,
        querystring: DeliveryQuery,
        response: { 200: pageOf(Delivery), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { status = '', eventType = '', from, to } = request.query;
      const answer = await webhooks.listWebhookDeliveries(
        {
          ...{ endpointId: pathId('webhook', request.params.id), status, eventType },
          ...{ from: toTime(from), to: toTime(to), page: toPage(request.query) },
        },
        callOptions(request),
      );
      return page(answer.deliveries, answer.nextCursor, deliveryFromProto);
    },
  );
  app.get(
    '/v2/webhooks/:id/deliveries/:deliveryId',
    {
      config: { access: reading },
      schema: {
        tags,
        summary: 'One delivery with its attempts',
        params: deliveryParams,
        response: { 200: DeliveryInFull, ...problems(403, 404) },
      },
    },
    async (request) => {
      const { id, deliveryId } = request.params;
      const answer = await webhooks.getWebhookDelivery(
        { endpointId: pathId('webhook', id), id: pathId('webhookDelivery', deliveryId) },
        callOptions(request),
      );
      return {
        ...deliveryFromProto(answer.delivery),
        body: JSON.parse(answer.body) as unknown,
        attemptLog: answer.attempts.map(attemptFromProto),
      };
    },
  );
  app.post(
    '/v2/webhooks/:id/deliveries/:deliveryId/redeliver',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Send a delivery again',
        description: 'At once, under the same webhook-id and with the same body, and then with the usual pauses until it is delivered.',
        params: deliveryParams,
        response: { 202: Delivery, ...problems(403, 404, 409) },
      },
    },
    async (request, reply) => {
      const { id, deliveryId } = request.params;
      const { delivery } = await webhooks.retryDelivery(
        { endpointId: pathId('webhook', id), id: pathId('webhookDelivery', deliveryId) },
        callOptions(request),
      );
      return reply.code(202).send(deliveryFromProto(delivery));
    },
  );
  app.post(
    '/v2/webhooks/:id/replay',
    {
      config: { access: writing },
      schema: {
        tags,
        summary: 'Send all deliveries of a time range again',
        description: 'Those that have ended and were made in [from, to), under their old ids. At most 10,000.',
        params,
        body: Replay,
        response: { 202: Replayed, ...problems(403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { from, to, eventTypes = [], status = '' } = request.body;
      const { replayed } = await webhooks.replayDeliveries(
        { endpointId: pathId('webhook', request.params.id), from: toTime(from), to: toTime(to), eventTypes, status },
        callOptions(request),
      );
      return reply.code(202).send({ replayed });
    },
  );
};

export const webhookRoutes = (app: App, backends: Backends): void => {
  endpointRoutes(app, backends);
  deliveryRoutes(app, backends);
  app.get(
    '/v2/webhook-event-types',
    {
      config: { access: reading },
      schema: {
        tags,
        summary: 'What an endpoint can be told, with examples',
        response: { 200: pageOf(EventTypeShape), ...problems(403) },
      },
    },
    async (request) => {
      const { eventTypes } = await backends.webhooks.listEventTypes({}, callOptions(request));
      const data = eventTypes.map(({ type, version, description, exampleJson }) => ({
        ...{ type, version, description },
        example: JSON.parse(exampleJson) as unknown,
      }));
      return { data, nextCursor: null };
    },
  );
};
