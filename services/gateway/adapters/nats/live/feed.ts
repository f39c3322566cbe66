/** Reads the streams of the platform into this process's window of events, and once more what the window has lost. */
import { hash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { appError } from '#platform/errors/index.ts';
import type { Logger } from '#platform/logging/index.ts';
import { readStream, streamState, type Bus, type StreamReading, type StreamState } from '#platform/messaging/index.ts';
import { createEventWindow, type EventWindow } from '../../../app/live/event-window.ts';
import { advanced, sources, type Position } from '../../../app/live/position.ts';
import type { LiveFeed, OlderStep } from '../../../app/live/ports.ts';

export interface FeedOptions {
  readonly bus: Bus;
  readonly logger: Logger;
  /** How many events of all tenants are kept in memory. */
  readonly windowEvents: number;
  /** Which subjects customers may hear of. */
  readonly isPublic: (subject: string) => boolean;
}

const preloadPerSource = 5_000;
const caughtUpWithinMs = 5_000;
const reopenPauseMs = 250;
/** Streams are made anew only when a NATS server lost its data. */
const epochCheckMs = 15_000;
/** Each costs as much as the whole platform's traffic of the time it covers. */
const maxReplaysAtOnce = 2;
const stepEvery = 500;
const replaySilenceMs = 10_000;

const readStates = (bus: Bus): Promise<StreamState[]> => Promise.all(sources.map((source) => streamState(bus, source)));

const epochOf = (states: readonly StreamState[]): number =>
  Number.parseInt(hash('sha256', states.map(({ created }) => created).join('|'), 'hex').slice(0, 8), 16);

const preloadFrom = (states: readonly StreamState[]): Position =>
  states.map(({ firstSeq, lastSeq }) => Math.max(0, firstSeq - 1, lastSeq - preloadPerSource));

/** At most `count` at once; the others wait their turn. */
const turns = (count: number) => {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    take: async (): Promise<void> => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give: (): void => {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    },
  };
};

export const openLiveFeed = async ({
  bus,
  logger,
  windowEvents,
  isPublic,
}: FeedOptions): Promise<LiveFeed & { close(): Promise<void> }> => {
  const states = await readStates(bus);
  let epoch = epochOf(states);
  const window: EventWindow = createEventWindow({ maxEvents: windowEvents, start: preloadFrom(states) });
  const readings: (StreamReading | undefined)[] = sources.map(() => undefined);
  const replayTurns = turns(maxReplaysAtOnce);
  const stop = new AbortController();
  const stopped = (): boolean => stop.signal.aborted;
  const rest = (ms: number): Promise<void> => pause(ms, undefined, { signal: stop.signal }).catch(() => {});

  const readOnce = async (index: number): Promise<void> => {
    const reading = await readStream(bus, { stream: sources[index]!, fromSeq: (window.position()[index] ?? 0) + 1 });
    readings[index] = reading;
    if (stopped()) await reading.close();
    for await (const { seq, event } of reading.stored) window.append(index, seq, event && isPublic(event.subject) ? event : undefined);
  };
  const closeReadings = async (): Promise<void> => {
    for (const reading of readings) await reading?.close();
  };
  const read = async (index: number): Promise<void> => {
    while (!stopped()) {
      try {
        await readOnce(index);
      } catch (error) {
        if (!stopped()) logger.warn({ err: error, stream: sources[index] }, 'reading live events was interrupted');
      }
      readings[index] = undefined;
      await rest(reopenPauseMs);
    }
  };
  const watchEpoch = async (): Promise<void> => {
    while (!stopped()) {
      await rest(epochCheckMs);
      if (stopped()) return;
      const now = await readStates(bus).catch(() => undefined);
      if (now === undefined || epochOf(now) === epoch) continue;
      logger.error({}, 'the event streams were made anew: open streams are told so');
      epoch = epochOf(now);
      window.restart(preloadFrom(now));
      await closeReadings();
    }
  };
  const running = [...sources.map((_, index) => read(index)), watchEpoch()];

  const target = states.map(({ lastSeq }) => lastSeq);
  const deadline = performance.now() + caughtUpWithinMs;
  while (performance.now() < deadline && target.some((seq, index) => (window.position()[index] ?? 0) < seq)) await rest(5);

  const replaySource = async function* (tenantId: string, from: Position, index: number, to: number): AsyncGenerator<OlderStep> {
    const reading = await readStream(bus, { stream: sources[index]!, fromSeq: (from[index] ?? 0) + 1 });
    const giveUp = setTimeout(() => void reading.close(), replaySilenceMs);
    try {
      let looked = 0;
      let position = from;
      for await (const { seq, event } of reading.stored) {
        giveUp.refresh();
        if (seq > to) return;
        position = advanced(position, index, seq);
        const concerns = event !== undefined && event.tenantId === tenantId && isPublic(event.subject);
        if (concerns || ++looked % stepEvery === 0) yield { position, event: concerns ? event : undefined };
        if (seq === to) return;
      }
      // What was there a moment ago did not come: asked again, the feed says whether it is gone.
      throw appError('platform.unavailable', { cause: `a replay ended before ${to}` });
    } finally {
      clearTimeout(giveUp);
      await reading.close();
    }
  };
  const replay = async function* (tenantId: string, from: Position): AsyncGenerator<OlderStep> {
    await replayTurns.take();
    try {
      let position = from;
      for (const [index] of sources.entries()) {
        const to = window.floor()[index] ?? 0;
        if ((position[index] ?? 0) >= to) continue;
        for await (const step of replaySource(tenantId, position, index, to)) {
          ({ position } = step);
          yield step;
        }
        position = advanced(position, index, to);
        yield { position, event: undefined };
      }
    } finally {
      replayTurns.give();
    }
  };

  return {
    window,
    epoch: () => epoch,
    hears: () => bus.connected() && readings.every((reading) => reading !== undefined),
    older: async (tenantId, from) => {
      const now = await readStates(bus);
      const kept = now.every(({ firstSeq }, index) => {
        const wanted = (from[index] ?? 0) + 1;
        return wanted > (window.floor()[index] ?? 0) || wanted >= firstSeq;
      });
      return kept && epochOf(now) === epoch ? replay(tenantId, from) : undefined;
    },
    close: async () => {
      stop.abort();
      await closeReadings();
      await Promise.all(running);
    },
  };
};
