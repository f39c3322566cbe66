import type { ConsumerMessages } from '@nats-io/jetstream';

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

const drainTimeoutMs = 2_000;

/**
 * Ends a pull so that messages which are on their way still come out of its iterator. A plain close() drops them, and
 * nobody sees them again before their ack wait is over. The library drains by itself only with the whole connection, so
 * this reaches for the subscription inside.
 */
export const stopPulling = async (messages: ConsumerMessages): Promise<void> => {
  const { sub } = messages as unknown as { readonly sub?: { drain(): Promise<void> } };
  if (sub !== undefined) await within(sub.drain().catch(() => {}), drainTimeoutMs);
  await messages.close();
};
