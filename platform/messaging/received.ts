import { events } from '#events';
import { isUuid } from '#platform/ids/index.ts';
import type { StoredMessage } from './delivery.ts';
import type { EventCodec, EventDefinition, ReceivedEvent } from './event.ts';
import { header } from './headers.ts';

const codecs = new Map<string, EventCodec<unknown>>(
  Object.values(events)
    .flatMap((context) => Object.values(context) as EventDefinition<unknown>[])
    .map(({ subject, codec }) => [subject, codec]),
);

/** The message can never be handled, however often it comes. */
export class MalformedEventError extends Error {
  override readonly name = 'MalformedEventError';
}

/**
 * @param codec of the handler's definition; by default that of the platform's event table
 * @throws MalformedEventError when headers or payload do not follow the contract
 */
export const receivedEvent = (message: StoredMessage, codec = codecs.get(message.subject)): ReceivedEvent => ({
  ...envelope(message),
  payload: decodePayload(message, codec),
});

/** A class because of its getter: see docs/adr/0076. */
class GlimpsedEvent implements ReceivedEvent {
  readonly id: string;
  readonly subject: string;
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly occurredAt: Date;
  readonly deliveryCount: number;
  readonly #message: StoredMessage;
  #decoded: { readonly payload: unknown } | undefined;

  constructor(message: StoredMessage) {
    const { id, subject, tenantId, aggregateId, aggregateVersion, occurredAt, deliveryCount } = envelope(message);
    this.id = id;
    this.subject = subject;
    this.tenantId = tenantId;
    this.aggregateId = aggregateId;
    this.aggregateVersion = aggregateVersion;
    this.occurredAt = occurredAt;
    this.deliveryCount = deliveryCount;
    this.#message = message;
  }

  get payload(): unknown {
    this.#decoded ??= { payload: decodePayload(this.#message, codecs.get(this.subject)) };
    return this.#decoded.payload;
  }
}

/**
 * For those who look at most events only to see that they concern nobody here: the payload is decoded when it is read.
 * @throws MalformedEventError when headers do not follow the contract; reading the payload throws when that does not
 */
export const glimpsedEvent = (message: StoredMessage): ReceivedEvent => new GlimpsedEvent(message);

const envelope = (message: StoredMessage): Omit<ReceivedEvent, 'payload'> => {
  const get = (name: string): string => message.header(name);
  const id = get(header.id);
  const occurredAt = new Date(get(header.time));
  const aggregateVersion = Number(get(header.version));
  if (!isUuid(id)) throw new MalformedEventError(`header ${header.id} is not a UUID`);
  if (Number.isNaN(occurredAt.getTime())) throw new MalformedEventError(`header ${header.time} is not a time`);
  if (!Number.isSafeInteger(aggregateVersion)) throw new MalformedEventError(`header ${header.version} is not a version`);
  return {
    id,
    subject: message.subject,
    tenantId: get(header.tenant),
    aggregateId: get(header.aggregateId),
    aggregateVersion,
    occurredAt,
    deliveryCount: message.info.deliveryCount,
  };
};

const decodePayload = (message: StoredMessage, codec: EventCodec<unknown> | undefined): unknown => {
  try {
    const json: unknown = message.json();
    return codec === undefined ? json : codec.fromJSON(json);
  } catch (cause) {
    throw new MalformedEventError('the payload is not proto3-JSON of its event', { cause });
  }
};

/** Header values as a plain object, for trace extraction. */
export const traceCarrier = (message: StoredMessage): Record<string, string> => ({
  [header.traceParent]: message.header(header.traceParent),
  [header.traceState]: message.header(header.traceState),
});
