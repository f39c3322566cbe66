import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { streams } from '#events';
import type { Log } from '#platform/logging/index.ts';
import type { Bus } from './bus.ts';
import { storedMessageOf } from './delivery.ts';
import type { ReceivedEvent } from './event.ts';
import { header } from './headers.ts';
import { glimpsedEvent } from './received.ts';

/** Does the stream's subject (one trailing ">") cover `subject`? */
const streamOf = (subject: string): string => {
  const found = Object.entries(streams).find(([, row]) => row.subjects.some((covered) => subject.startsWith(covered.replace(/>$/, ''))));
  if (found === undefined) throw new Error(`no stream holds ${subject}`);
  return found[0];
};

/** See Bus.follow. Starts behind the stream's last message, so that a recreated consumer continues instead of repeating. */
export const follow = async (
  bus: Bus,
  subject: string,
  handle: (event: ReceivedEvent) => void | Promise<void>,
  logger: Log,
): Promise<() => Promise<void>> => {
  const stream = streamOf(subject);
  const manager = await bus.manager();
  const { state } = await manager.streams.info(stream);
  const consumer = await bus.jetstream.consumers.get(stream, {
    filter_subjects: subject,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: state.last_seq + 1,
    ack_policy: AckPolicy.None,
  } as never);
  const messages = await consumer.consume({ max_messages: 256 });
  const done = (async () => {
    for await (const message of messages) {
      const stored = storedMessageOf(message);
      // A replay concerns one durable consumer only; the live view has seen the event when it happened.
      if (stored.header(header.replayFor) !== '') continue;
      try {
        await handle(glimpsedEvent(stored));
      } catch (error) {
        logger.error({ err: error, subject: message.subject }, 'a follower failed');
      }
    }
  })().catch((error: unknown) => logger.error({ err: error, subject }, 'following ended'));
  return async () => {
    await messages.close();
    await done;
  };
};
