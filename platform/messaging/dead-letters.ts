import { headers as newHeaders, type MsgHdrs } from '@nats-io/transport-node';
import { consumers, type ConsumerName } from '#events';
import { isAppError } from '#platform/errors/index.ts';
import type { Log } from '#platform/logging/index.ts';
import type { Bus } from './bus.ts';
import { errorText } from './failures.ts';
import { header } from './headers.ts';
import { sweeperOf } from './streams.ts';

/** Headers that a dead letter carries beside those of the original. */
export const deadHeader = {
  reason: 'dlq-reason',
  code: 'dlq-code',
  subject: 'dlq-subject',
  stream: 'dlq-stream',
  sequence: 'dlq-sequence',
  durable: 'dlq-consumer',
  deliveries: 'dlq-deliveries',
  time: 'dlq-time',
} as const;

export interface DeadLetter {
  readonly durable: ConsumerName;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  readonly streamSequence: number;
  readonly deliveries: number;
  readonly cause: unknown;
}

/** NATS headers are lines. */
const oneLine = (text: string): string => text.replaceAll(/[\r\n\t]+/g, ' ').trim();

const deadHeaders = (letter: DeadLetter): MsgHdrs => {
  const all = newHeaders();
  for (const name of letter.headers?.keys() ?? []) {
    // The original's id would make the stream drop the second consumer's letter as a duplicate of the first's.
    if (name === header.messageId || name.startsWith('Nats-')) continue;
    all.set(name, letter.headers!.get(name));
  }
  all.set(deadHeader.reason, oneLine(errorText(letter.cause)));
  all.set(deadHeader.code, isAppError(letter.cause) ? letter.cause.code : 'platform.internal');
  all.set(deadHeader.subject, letter.subject);
  all.set(deadHeader.stream, consumers[letter.durable].stream);
  all.set(deadHeader.sequence, String(letter.streamSequence));
  all.set(deadHeader.durable, letter.durable);
  all.set(deadHeader.deliveries, String(letter.deliveries));
  all.set(deadHeader.time, new Date().toISOString());
  return all;
};

/** Stores original bytes and headers under `dlq.<durable>`; returns once JetStream has them. Safe to repeat. */
export const publishDeadLetter = async (bus: Bus, letter: DeadLetter): Promise<void> => {
  const msgID = `dlq:${letter.durable}:${letter.streamSequence}`;
  await bus.jetstream.publish(`dlq.${letter.durable}`, letter.data, { msgID, headers: deadHeaders(letter), timeout: 5_000 });
};

interface MaxDeliveriesAdvisory {
  readonly stream: string;
  readonly stream_seq: number;
  readonly deliveries: number;
}

/**
 * The safety net below the consumer: a delivery that killed its process never reached the code that writes dead letters.
 * The server then announces that the message has used up its deliveries; this copies it by its place in the stream.
 */
export const startSweeper = async (bus: Bus, durable: ConsumerName, logger: Log): Promise<{ close(): Promise<void> }> => {
  const { name, row } = sweeperOf(durable);
  const consumer = await bus.jetstream.consumers.get(row.stream, name);
  const messages = await consumer.consume({ max_messages: 16 });
  const manager = await bus.manager();
  const copy = async (advisory: MaxDeliveriesAdvisory): Promise<void> => {
    const stored = await manager.streams.getMessage(advisory.stream, { seq: advisory.stream_seq });
    if (stored === null) return; // aged out
    const cause = new Error('no deliveries left: the consumer never answered');
    const { subject, data, header: headers } = stored;
    await publishDeadLetter(bus, {
      durable,
      subject,
      data,
      headers,
      streamSequence: advisory.stream_seq,
      deliveries: advisory.deliveries,
      cause,
    });
    logger.error({ durable, subject, streamSequence: advisory.stream_seq }, 'event moved to the dead letters by the sweeper');
  };
  const done = (async () => {
    for await (const message of messages) {
      try {
        await copy(message.json<MaxDeliveriesAdvisory>());
        message.ack();
      } catch (error) {
        logger.warn({ err: error, durable }, 'dead letter sweeper');
        message.nak(1_000);
      }
    }
  })();
  return {
    close: async () => {
      await messages.close();
      await done;
    },
  };
};
