/** The platform's events without NATS: what a test says happens. Keeps everything that was ever said, like the streams behind a real feed. */
import { events } from '#events';
import { newId } from '#platform/ids/index.ts';
import type { LiveTiming } from '../adapters/http/live/session.ts';
import { liveTiming, type LiveOptions } from '../adapters/http/live/stream.ts';
import { createEventWindow, type LiveEvent } from '../app/live/event-window.ts';
import { advanced, type Position } from '../app/live/position.ts';
import type { LiveFeed, OlderStep } from '../app/live/ports.ts';

export interface Stored {
  readonly source: number;
  readonly seq: number;
  readonly event: LiveEvent;
}

/** What several gateways read. */
export const fakeStreams = () => {
  const stored: Stored[] = [];
  const seqs = [0, 0, 0];
  return {
    stored,
    publish: (source: number, event: Partial<LiveEvent> & Pick<LiveEvent, 'tenantId'>): Stored => {
      const seq = (seqs[source] = (seqs[source] ?? 0) + 1);
      const one: Stored = {
        source,
        seq,
        event: {
          id: newId(),
          subject: events.verification.purchased.subject,
          aggregateId: newId(),
          aggregateVersion: 1,
          occurredAt: new Date(),
          payload: {},
          ...event,
        },
      };
      stored.push(one);
      return one;
    },
  };
};

export type FakeStreams = ReturnType<typeof fakeStreams>;

/** @param start where the window begins; what is before it has to be read again */
export const fakeFeed = ({
  streams = fakeStreams(),
  maxEvents = 1_000,
  start = [0, 0, 0],
}: { streams?: FakeStreams; maxEvents?: number; start?: Position } = {}) => {
  const window = createEventWindow({ maxEvents, start });
  let epoch = 1;
  let forgotten = 0;
  let deaf = false;
  const replay = async function* (tenantId: string, from: Position): AsyncGenerator<OlderStep> {
    let position = from;
    for (const source of [0, 1, 2]) {
      const to = window.floor()[source] ?? 0;
      for (const { seq, event } of streams.stored.filter(
        (one) => one.source === source && one.seq > (from[source] ?? 0) && one.seq <= to,
      )) {
        position = advanced(position, source, seq);
        if (event.tenantId === tenantId) yield { position, event };
      }
      position = advanced(position, source, to);
      yield { position, event: undefined };
    }
  };
  const feed: LiveFeed = {
    window,
    epoch: () => epoch,
    hears: () => !deaf,
    older: async (tenantId, from) => (from.some((seq) => seq < forgotten) ? undefined : replay(tenantId, from)),
  };
  return {
    ...feed,
    streams,
    hear: ({ source, seq, event }: Stored): void => window.append(source, seq, event),
    /** Published and heard at once. */
    happen: (source: number, event: Partial<LiveEvent> & Pick<LiveEvent, 'tenantId'>): Stored => {
      const one = streams.publish(source, event);
      window.append(source, one.seq, one.event);
      return one;
    },
    /** Everything up to this sequence of each stream is kept by nobody any more. */
    forget: (upTo: number): void => {
      forgotten = upTo;
    },
    /** Events do not reach this gateway, and it knows. */
    goDeaf: (): void => {
      deaf = true;
    },
    restart: (): void => {
      epoch += 1;
      window.restart([0, 0, 0]);
    },
  };
};

export type FakeFeed = ReturnType<typeof fakeFeed>;

/** Options of a server in tests. */
export const fakeLive = (feed: LiveFeed = fakeFeed(), timing: Partial<LiveTiming> = {}): LiveOptions => ({
  feed,
  cursorKey: 'a key of tests',
  timing: { ...liveTiming, ...timing },
});
