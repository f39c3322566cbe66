import { JetStreamApiError } from '@nats-io/jetstream';
import { createInbox, TimeoutError, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';

export interface Publication {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
}

/** Called once: with undefined when JetStream has stored the message, else with the reason. */
export type Settle = (error: unknown) => void;

/**
 * Publishes to JetStream by the thousand. The client's own `publish` makes an inbox entry, a promise, a timer and two errors (for their
 * stacks) for each message; here all answers come to one subscription, found by the number at the end of their subject, and one
 * timer watches over all of them.
 */
export interface Publisher {
  /** @throws when the message cannot be sent as it is, or the connection is closed; `settle` is not called then */
  publish(message: Publication, settle: Settle): void;
  close(): void;
}

interface Unanswered {
  readonly sentAt: number;
  /** Emptied when it is answered: a Map keeps its old tables, and with them what has left it long ago (platform/grpc/lanes/slots.ts). */
  settle: Settle | undefined;
}

const settleOnce = (entry: Unanswered, error: unknown): void => {
  const { settle } = entry;
  entry.settle = undefined;
  settle?.(error);
};

export const createPublisher = (connection: NatsConnection, { timeoutMs }: { readonly timeoutMs: number }): Publisher => {
  const inbox = `${createInbox()}.`;
  /** In the order of sending, hence oldest first. */
  const unanswered = new Map<number, Unanswered>();
  let count = 0;
  let watch: NodeJS.Timeout | undefined;

  const subscription = connection.subscribe(`${inbox}*`, {
    callback: (error, message) => {
      // An error concerns the subscription as a whole; its messages run into their time-out.
      if (error !== null) return;
      const number = Number(message.subject.slice(inbox.length));
      const entry = unanswered.get(number);
      // An answer that came too late: the row is sent again, and the stream knows its id.
      if (entry === undefined) return;
      unanswered.delete(number);
      settleOnce(entry, refusalOf(message));
    },
  });

  const giveUpLate = (): void => {
    const now = performance.now();
    for (const [number, entry] of unanswered) {
      if (now - entry.sentAt < timeoutMs) break;
      unanswered.delete(number);
      settleOnce(entry, new TimeoutError());
    }
    watch = unanswered.size === 0 ? undefined : setTimeout(giveUpLate, timeoutMs / 10);
  };

  return {
    publish: ({ subject, payload, headers }, settle) => {
      count += 1;
      connection.publish(subject, payload, { reply: `${inbox}${count}`, headers });
      unanswered.set(count, { sentAt: performance.now(), settle });
      watch ??= setTimeout(giveUpLate, timeoutMs);
    },
    close: () => {
      clearTimeout(watch);
      subscription.unsubscribe();
    },
  };
};

/** @returns undefined when the message is in the stream (also when it had been before: its id was known) */
const refusalOf = (message: Msg): unknown => {
  // Nobody listens on the subject: JetStream is away, or no stream holds it.
  if (message.data.length === 0) return new Error(`no stream answers (${message.headers?.code ?? 'empty'})`);
  const answer = message.json<{ readonly stream?: string; readonly error?: ConstructorParameters<typeof JetStreamApiError>[0] }>();
  if (answer.error !== undefined) return new JetStreamApiError(answer.error);
  return answer.stream === undefined || answer.stream === '' ? new Error('not an answer of JetStream') : undefined;
};
