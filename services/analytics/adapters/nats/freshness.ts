import { consumers, type ConsumerName } from '#events';
import type { Bus } from '#platform/messaging/index.ts';
import { secondMs, type Clock } from '#platform/time/index.ts';
import type { Freshness } from '../../app/ports.ts';

export interface FreshnessDependencies {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly durables: readonly ConsumerName[];
}

/** What relays may still hold back: an event is published this soon after its transaction, usually far sooner. */
const publishMs = secondMs;
const rememberMs = 500;

/**
 * A consumer that has nothing pending is as fresh as the clock, less the time that publishing takes; one that lags is as
 * fresh as it was when it last lagged not.
 */
export const streamFreshness = ({ bus, clock, durables }: FreshnessDependencies): Freshness => {
  const caughtUpAt = new Map<ConsumerName, Date>();
  let answer: { readonly at: Date; readonly until: Promise<Date> } | undefined;

  const look = async (): Promise<Date> => {
    const askedAt = new Date(clock.now().getTime() - publishMs);
    const manager = await bus.manager();
    for (const durable of durables) {
      const { num_pending: pending, num_ack_pending: unacknowledged } = await manager.consumers.info(consumers[durable].stream, durable);
      if (pending + unacknowledged === 0) caughtUpAt.set(durable, askedAt);
    }
    return new Date(Math.min(...durables.map((durable) => (caughtUpAt.get(durable) ?? new Date(0)).getTime())));
  };
  return {
    freshUntil: () => {
      const now = clock.now();
      if (answer === undefined || now.getTime() - answer.at.getTime() > rememberMs) {
        const until = look();
        until.catch(() => {
          answer = undefined;
        });
        answer = { at: now, until };
      }
      return answer.until;
    },
  };
};
