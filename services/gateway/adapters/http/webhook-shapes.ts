/** What /v2/webhooks takes and gives. */
import { Type } from 'typebox';
import type {
  Endpoint as EndpointMessage,
  WebhookAttempt as AttemptMessage,
  WebhookDelivery as DeliveryMessage,
} from '#proto/namaskah/notification/v1/webhooks.ts';
import { edgeId, fromTime, orNull } from './mapping.ts';
import { closed, id, PageQuery, Timestamp } from './schemas.ts';

const MaybeTime = Type.Union([Timestamp, Type.Null()]);
const MaybeText = (examples: string[], description: string) => Type.Union([Type.String({ examples }), Type.Null()], { description });

const Url = Type.String({
  minLength: 1,
  maxLength: 2_048,
  description: 'https, on port 443 or one from 1024, with a public address',
  examples: ['https://example.com/namaskah'],
});
const Description = Type.String({ maxLength: 200, examples: ['Order system'] });
const EventTypes = Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
  minItems: 1,
  maxItems: 50,
  description: 'Types, families ("verification.*") or "*": see GET /v2/webhook-event-types',
  examples: [['verification.*', 'payment.succeeded']],
});

const endpointFields = {
  id: id('whk'),
  url: Url,
  description: Description,
  eventTypes: Type.Array(Type.String(), { examples: [['verification.*']] }),
  enabled: Type.Boolean(),
  disabledReason: MaybeText(
    ['failing'],
    'user, gone (it answered 410), failing (for days) or plan (more than the plan has); null while enabled',
  ),
  failingSince: Type.Union([Timestamp, Type.Null()], { description: 'Since when every attempt has failed; null while it works' }),
  previousSecretUntil: Type.Union([Timestamp, Type.Null()], { description: 'Until then the secret of before signs too' }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
};
export const Webhook = Type.Object(endpointFields, closed);
const secretExample = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDXi0gvqLlDzs=';
export const WebhookWithSecret = Type.Object(
  {
    ...endpointFields,
    secret: Type.String({ description: 'In this answer only: keep it where your receiver verifies', examples: [secretExample] }),
  },
  closed,
);
export const NewWebhook = Type.Object(
  { url: Url, description: Type.Optional(Description), eventTypes: EventTypes },
  { ...closed, examples: [{ url: 'https://example.com/namaskah', description: 'Order system', eventTypes: ['verification.*'] }] },
);
export const WebhookChange = Type.Object(
  {
    url: Type.Optional(Url),
    description: Type.Optional(Description),
    eventTypes: Type.Optional(EventTypes),
    enabled: Type.Optional(Type.Boolean()),
  },
  { ...closed, minProperties: 1, description: 'What is absent stays as it is', examples: [{ enabled: true }] },
);
export const Rotation = Type.Object(
  {
    overlapHours: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 168,
        description: 'So long both secrets sign, 24 by default. 0: the old one ends at once',
        examples: [24],
      }),
    ),
  },
  { ...closed, examples: [{ overlapHours: 24 }] },
);

const deliveryFields = {
  id: id('wdl'),
  eventId: id('evt'),
  eventType: Type.String({ examples: ['verification.code_received'] }),
  status: Type.Enum(['pending', 'delivered', 'failed'], { examples: ['delivered'] }),
  attempts: Type.Integer({ description: 'Ever made', examples: [1] }),
  nextAttemptAt: MaybeTime,
  lastStatus: Type.Union([Type.Integer({ examples: [200] }), Type.Null()], {
    description: 'Of the newest answer; null when there was none',
  }),
  lastError: MaybeText(['answered 503'], 'Why the newest attempt failed'),
  createdAt: Timestamp,
  endedAt: MaybeTime,
};
export const Delivery = Type.Object(deliveryFields, closed);
const Attempt = Type.Object(
  {
    number: Type.Integer({ examples: [1] }),
    startedAt: Timestamp,
    latencyMs: Type.Integer({ examples: [84] }),
    status: Type.Union([Type.Integer({ examples: [503] }), Type.Null()], { description: 'null: no answer' }),
    error: MaybeText(['answered 503'], 'null when it was delivered'),
    answer: Type.String({ description: 'The first kilobyte of the answer', examples: ['upstream is down'] }),
  },
  closed,
);
export const DeliveryInFull = Type.Object(
  {
    ...deliveryFields,
    body: Type.Unknown({
      description: 'What is sent, with codes, texts, senders and numbers shown as ***',
      examples: [
        {
          id: 'evt_01j4ese1nceam5v9ecs3vt39p3',
          type: 'verification.completed',
          version: 1,
          timestamp: '2026-11-21T08:30:00.000Z',
          sequence: 4,
          data: { verificationId: 'ver_01j4ese1nceam5v9ecs3vt39p3', service: 'telegram', country: 'ID' },
        },
      ],
    }),
    attemptLog: Type.Array(Attempt, { description: 'Oldest first' }),
  },
  closed,
);
export const DeliveryQuery = Type.Object(
  {
    ...PageQuery,
    status: Type.Optional(Type.Enum(['pending', 'delivered', 'failed'])),
    eventType: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['verification.code_received'] })),
    from: Type.Optional(Timestamp),
    to: Type.Optional(Timestamp),
  },
  closed,
);
export const Replay = Type.Object(
  {
    from: Timestamp,
    to: Timestamp,
    eventTypes: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 50, description: 'All by default' })),
    status: Type.Optional(Type.Enum(['delivered', 'failed'], { description: 'Both by default' })),
  },
  { ...closed, examples: [{ from: '2026-11-21T00:00:00.000Z', to: '2026-11-22T00:00:00.000Z', status: 'failed' }] },
);
export const Replayed = Type.Object({ replayed: Type.Integer({ description: 'Deliveries that are due again', examples: [42] }) }, closed);
export const EventTypeShape = Type.Object(
  {
    type: Type.String({ examples: ['verification.completed'] }),
    version: Type.Integer({ examples: [1] }),
    description: Type.String({ examples: ['The verification is over; no further message is expected.'] }),
    example: Type.Unknown({ description: 'A whole body' }),
  },
  closed,
);

export const webhookFromProto = (endpoint: EndpointMessage | undefined) => {
  if (!endpoint) throw new Error('the notification service answered without an endpoint');
  const { url, description, eventTypes, enabled, disabledReason } = endpoint;
  return {
    id: edgeId('webhook', endpoint.id),
    ...{ url, description, eventTypes, enabled },
    disabledReason: orNull(disabledReason),
    failingSince: fromTime(endpoint.failingSince),
    previousSecretUntil: fromTime(endpoint.previousSecretUntil),
    createdAt: fromTime(endpoint.createdAt) ?? '',
    updatedAt: fromTime(endpoint.updatedAt) ?? '',
  };
};

const statusOrNull = (status: number): number | null => (status === 0 ? null : status);

export const deliveryFromProto = (delivery: DeliveryMessage | undefined) => {
  if (!delivery) throw new Error('the notification service answered without a delivery');
  const { eventType, status, attempts } = delivery;
  return {
    id: edgeId('webhookDelivery', delivery.id),
    eventId: edgeId('event', delivery.eventId),
    ...{ eventType, status: status as 'pending' | 'delivered' | 'failed', attempts },
    nextAttemptAt: fromTime(delivery.nextAttemptAt),
    lastStatus: statusOrNull(delivery.lastStatus),
    lastError: orNull(delivery.lastError),
    createdAt: fromTime(delivery.createdAt) ?? '',
    endedAt: fromTime(delivery.endedAt),
  };
};

export const attemptFromProto = ({ number, startedAt, latencyMs, status, error, answer }: AttemptMessage) => ({
  ...{ number, latencyMs, answer },
  startedAt: fromTime(startedAt) ?? '',
  status: statusOrNull(status),
  error: orNull(error),
});
