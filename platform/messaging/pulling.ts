import type { ConsumerMessages } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** @returns 'late' when `work` takes longer than `ms`; it then goes on unobserved */
export const within = async <T>(work: Promise<T>, ms: number): Promise<T | 'late'> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

const quietMs = 30;
const quietRounds = 2;
const drainTimeoutMs = 2_000;

/**
 * Ends a pull so that messages which are on their way still come out of its iterator. A plain close() gives up what the
 * server is just sending, and nobody sees it again before its ack wait is over, long after its successors. So: ask for
 * no more, wait until nothing comes any more, drain the subscription. The library offers this only for a whole
 * connection, hence the reach inside; where its inside has changed, this is a plain close().
 */
export const stopPulling = async (connection: NatsConnection, messages: ConsumerMessages): Promise<void> => {
  const { sub, pending } = messages as unknown as { readonly sub?: { drain(): Promise<void> }; readonly pending?: { msgs: number } };
  if (pending !== undefined) pending.msgs = Number.POSITIVE_INFINITY;
  let quiet = 0;
  for (const deadline = performance.now() + drainTimeoutMs; performance.now() < deadline;) {
    const before = messages.getReceived();
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    // A round trip: whatever the server had sent by now has been read, however busy this process is.
    await within(
      connection.flush().catch(() => {}),
      drainTimeoutMs,
    );
    quiet = messages.getReceived() === before ? quiet + 1 : 0;
    if (quiet === quietRounds) break;
  }
  if (sub !== undefined)
    await within(
      sub.drain().catch(() => {}),
      drainTimeoutMs,
    );
  await messages.close();
};
