import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import type { StreamName } from '#events';
import type { Bus } from './bus.ts';
import { storedMessageOf, type StoredMessage } from './delivery.ts';
import type { ReceivedEvent } from './event.ts';
import { header } from './headers.ts';
import { glimpsedEvent, MalformedEventError } from './received.ts';

export interface StreamState {
  /** The oldest message that is kept; one more than `lastSeq` when there is none. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Another one: the stream was made anew and its sequence begins again. */
  readonly created: string;
}

export const streamState = async (bus: Bus, stream: StreamName): Promise<StreamState> => {
  const { state, created } = await (await bus.manager()).streams.info(stream);
  return { firstSeq: state.first_seq, lastSeq: state.last_seq, created };
};

export interface StoredEvent {
  /** Its place in the stream: the same for every reader, for ever. */
  readonly seq: number;
  /** undefined: concerns nobody who looks on (a replay for one durable consumer, not an event). */
  readonly event: ReceivedEvent | undefined;
}

export interface StreamReading {
  readonly stored: AsyncIterable<StoredEvent>;
  close(): Promise<void>;
}

const eventOf = (message: StoredMessage): ReceivedEvent | undefined => {
  if (message.header(header.replayFor) !== '') return undefined;
  try {
    return glimpsedEvent(message);
  } catch (error) {
    if (error instanceof MalformedEventError) return undefined;
    throw error;
  }
};

/**
 * Everything of a stream from a sequence on, in order and without a gap, and then what comes: an ephemeral ordered consumer, which
 * the client makes anew at the right place after an interruption. Leaves no trace in the server but for some seconds.
 */
export const readStream = async (bus: Bus, { stream, fromSeq }: { stream: StreamName; fromSeq: number }): Promise<StreamReading> => {
  const consumer = await bus.jetstream.consumers.get(stream, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(1, fromSeq),
    ack_policy: AckPolicy.None,
  } as never);
  const messages = await consumer.consume({ max_messages: 512 });
  const read = async function* (): AsyncGenerator<StoredEvent> {
    for await (const message of messages) yield { seq: message.seq, event: eventOf(storedMessageOf(message)) };
  };
  return {
    stored: read(),
    close: async () => {
      await messages.close();
    },
  };
};
