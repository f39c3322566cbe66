import { consumers, type ConsumerName } from '#events';
import { appError } from '#platform/errors/index.ts';
import type { Bus } from '#platform/messaging/index.ts';
import { addMs, secondMs, type Clock } from '#platform/time/index.ts';
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
 * A consumer is as fresh as the oldest event that it has not handled yet, or as the clock when there is none; in both cases
 * less the time that publishing takes. Read from the broker each time: the same in every replica, also right after a start.
 * While the broker is away nothing arrives: what was known last stays true.
 */
export const streamFreshness = ({ bus, clock, durables }: FreshnessDependencies): Freshness => {
  let known: Date | undefined;
  let answer: { readonly at: Date; readonly until: Promise<Date> } | undefined;

  const oldestUnhandled = async (durable: ConsumerName): Promise<Date | undefined> => {
    const { stream, filterSubject } = consumers[durable];
    const { consumers: consumerApi, streams } = await bus.manager();
    const { num_pending: pending, num_ack_pending: unacknowledged, ack_floor: floor } = await consumerApi.info(stream, durable);
    if (pending + unacknowledged === 0) return undefined;
    // The first that is still kept: what has aged out is waited for by nobody.
    const query = { seq: floor.stream_seq + 1, next_by_subj: filterSubject };
    return (await streams.getMessage(stream, query))?.time;
  };
  const look = async (): Promise<Date> => {
    const askedAt = clock.now();
    const waiting = await Promise.all(durables.map(oldestUnhandled));
    return addMs(new Date(Math.min(...waiting.map((at) => (at ?? askedAt).getTime()), askedAt.getTime())), -publishMs);
  };
  const lookOrRemember = async (): Promise<Date> => {
    try {
      if (!bus.connected()) throw new Error('the broker is away');
      return (known = await look());
    } catch (cause) {
      if (known !== undefined) return known;
      throw appError('platform.unavailable', { cause });
    }
  };
  return {
    /** @throws platform.unavailable when the broker has never answered */
    freshUntil: () => {
      const now = clock.now();
      if (answer === undefined || now.getTime() - answer.at.getTime() > rememberMs) {
        const until = lookOrRemember();
        until.catch(() => {
          answer = undefined;
        });
        answer = { at: now, until };
      }
      return answer.until;
    },
  };
};
