import { headers as newHeaders } from '@nats-io/transport-node';
import type { StoredMsg } from '@nats-io/jetstream';
import { newId } from '#platform/ids/index.ts';
import type { Bus } from './bus.ts';
import { deadHeader } from './dead-letters.ts';
import { isNotFound } from './failures.ts';
import { header } from './headers.ts';

const stream = 'DLQ';

/** A dead letter as it lies in the stream. `data` and `headers` are the original's; `headers` also hold the reason. */
export interface StoredDeadLetter {
  readonly sequence: number;
  readonly durable: string;
  readonly subject: string;
  readonly aggregateId: string;
  readonly deliveries: number;
  readonly diedAt: string;
  readonly code: string;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: string;
}

const toLetter = (message: StoredMsg): StoredDeadLetter => {
  const headers = Object.fromEntries([...(message.header?.keys() ?? [])].map((name) => [name, message.header.get(name)]));
  const get = (name: string): string => headers[name] ?? '';
  return {
    sequence: message.seq,
    durable: get(deadHeader.durable),
    subject: get(deadHeader.subject),
    aggregateId: get(header.aggregateId),
    deliveries: Number(get(deadHeader.deliveries)),
    diedAt: get(deadHeader.time),
    code: get(deadHeader.code),
    reason: get(deadHeader.reason),
    headers,
    data: message.string(),
  };
};

/** Oldest first. @param durable only those of one consumer */
export async function* listDeadLetters(bus: Bus, durable?: string): AsyncGenerator<StoredDeadLetter> {
  const manager = await bus.manager();
  const { state } = await manager.streams.info(stream);
  for (let sequence = state.first_seq; sequence <= state.last_seq; sequence++) {
    const message = await manager.streams.getMessage(stream, { seq: sequence });
    if (message === null) continue; // replayed or aged out
    const letter = toLetter(message);
    if (durable === undefined || letter.durable === durable) yield letter;
  }
}

/** @throws Error when there is none at `sequence` */
export const readDeadLetter = async (bus: Bus, sequence: number): Promise<StoredDeadLetter> => {
  const manager = await bus.manager();
  try {
    const message = await manager.streams.getMessage(stream, { seq: sequence });
    if (message !== null) return toLetter(message);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  throw new Error(`there is no dead letter ${sequence}`);
};

/**
 * Publishes the original under its subject for the one durable that failed, then removes the letter. A crash between the
 * two leaves a letter whose second replay the inbox suppresses.
 */
export const replayDeadLetter = async (bus: Bus, letter: StoredDeadLetter): Promise<void> => {
  const own = new Set<string>(Object.values(deadHeader));
  const headers = newHeaders();
  for (const [name, value] of Object.entries(letter.headers)) if (!own.has(name) && !name.startsWith('Nats-')) headers.set(name, value);
  headers.set(header.replayFor, letter.durable);
  // A new message id: the stream would take the original's for a duplicate. The event's own id stays in ce-id.
  await bus.jetstream.publish(letter.subject, letter.data, { msgID: `replay:${newId()}`, headers, timeout: 5_000 });
  await (await bus.manager()).streams.deleteMessage(stream, letter.sequence, false);
};
