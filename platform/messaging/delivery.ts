import type { JsMsg } from '@nats-io/jetstream';
import { nanos, type Msg, type MsgHdrs } from '@nats-io/transport-node';

/** What the server says of a delivery, in the subject of its answer. */
interface DeliveryInfo {
  /** 1 for the first delivery. */
  readonly deliveryCount: number;
  /** Messages of the consumer that have not been delivered yet. */
  readonly pending: number;
}

/** A message of a stream, for whoever looks on. */
export interface StoredMessage {
  readonly subject: string;
  /** '' where there is none. */
  header(name: string): string;
  readonly info: Pick<DeliveryInfo, 'deliveryCount'>;
  json<T>(): T;
}

/** A message of a durable consumer, to be answered once; `working` says that the answer takes its time. */
export interface Delivery extends StoredMessage {
  readonly data: Uint8Array;
  /** All of them; for a few, `header` is much cheaper. */
  readonly headers: MsgHdrs | undefined;
  /** Its place in the stream. */
  readonly seq: number;
  readonly info: DeliveryInfo;
  ack(): void;
  /** Deliver again, after `delayMs`. */
  nak(delayMs?: number): void;
  /** Never deliver again. Without a reason: server 2.9 does not understand one and would deliver again. */
  term(): void;
  working(): void;
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`; newer servers put domain and account behind
 * `ACK` and a token at the end.
 */
const fieldsOf = (reply: string): readonly [deliveries: string | undefined, seq: string | undefined, pending: string | undefined] => {
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 4 : 6;
  return [tokens[at], tokens[at + 1], tokens[at + 4]];
};

/**
 * The headers as they came, which lie before the data in the same memory. The client's own reading canonicalises every name
 * and searches a list for each; that alone costs more than everything else that is done to most events.
 * @param dataLength how much of the data is to follow them
 * @returns undefined where the message does not look like that
 */
const textOf = (message: Msg, dataLength: number): string | undefined => {
  const { data, subject, reply = '' } = message;
  const length = (message as Msg & { size(): number }).size() - subject.length - reply.length - data.length;
  if (length <= 0 || length > data.byteOffset) return undefined;
  const text = Buffer.from(data.buffer, data.byteOffset - length, length + dataLength).toString();
  return text.startsWith('NATS/1.0\r\n') ? text : undefined;
};

/** @param end where the headers end */
const headerIn = (text: string, end: number, name: string): string => {
  const line = text.indexOf(`\r\n${name}:`);
  if (line === -1 || line >= end) return '';
  const from = line + name.length + 3;
  return text.slice(from, text.indexOf('\r\n', from)).trim();
};

/** By the client's own reading. */
const clientsHeader = (message: Msg | JsMsg, name: string): string => message.headers?.get(name) ?? '';

const headerReader = (message: Msg): ((name: string) => string) => {
  const block = textOf(message, 0);
  return block === undefined ? (name) => clientsHeader(message, name) : (name) => headerIn(block, block.length, name);
};

/** A class because of its getters: see docs/adr/0076. */
class ReceivedDelivery implements Delivery {
  readonly subject: string;
  readonly header: (name: string) => string;
  readonly seq: number;
  readonly info: DeliveryInfo;
  readonly #message: Msg;
  #answered = false;

  constructor(message: Msg) {
    const [deliveries, seq, pending] = fieldsOf(message.reply ?? '');
    this.subject = message.subject;
    this.header = headerReader(message);
    this.seq = Number(seq);
    this.info = { deliveryCount: Number(deliveries), pending: Number(pending) };
    this.#message = message;
  }

  get headers(): MsgHdrs | undefined {
    return this.#message.headers;
  }
  get data(): Uint8Array {
    return this.#message.data;
  }
  json<T>(): T {
    return this.#message.json<T>();
  }
  ack(): void {
    this.#answer('+ACK');
  }
  nak(delayMs = 0): void {
    this.#answer(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: nanos(delayMs) })}` : '-NAK');
  }
  term(): void {
    this.#answer('+TERM');
  }
  working(): void {
    if (!this.#answered) this.#message.respond('+WPI');
  }
  #answer(text: string): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#message.respond(text);
  }
}

export const deliveryOf = (message: Msg): Delivery => new ReceivedDelivery(message);

const endOfHeaders = '\r\n\r\n';

/**
 * One text for the whole message. A gateway keeps thousands for whoever connects again: as the client's objects they were most of what its
 * collections of young garbage copied.
 */
class StoredText implements StoredMessage {
  readonly subject: string;
  readonly info: StoredMessage['info'];
  readonly #text: string;
  readonly #headersEnd: number;

  constructor(subject: string, info: StoredMessage['info'], text: string) {
    this.subject = subject;
    this.info = info;
    this.#text = text;
    this.#headersEnd = text.indexOf(endOfHeaders);
  }

  header(name: string): string {
    return headerIn(this.#text, this.#headersEnd, name);
  }

  json<T>(): T {
    return JSON.parse(this.#text.slice(this.#headersEnd + endOfHeaders.length)) as T;
  }
}

/** The client's message of an ordered consumer. It keeps the message as it came in `msg`. */
export const storedMessageOf = (message: JsMsg): StoredMessage => {
  const { msg } = message as unknown as { readonly msg?: Msg };
  const text = msg === undefined ? undefined : textOf(msg, msg.data.length);
  const { subject, info } = message;
  if (text !== undefined) return new StoredText(subject, { deliveryCount: info.deliveryCount }, text);
  return { subject, header: (name) => clientsHeader(message, name), info, json: <T>() => message.json<T>() };
};
