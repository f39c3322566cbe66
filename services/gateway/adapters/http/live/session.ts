/**
 * One open stream: looks at the window from where the client is, reads what belongs to the events, writes it, and waits. It holds no
 * queue: a client that reads slowly is a position that moves slowly.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isAppError } from '#platform/errors/index.ts';
import type { LiveEvent, Place, WindowEntry } from '../../../app/live/event-window.ts';
import { distance, furthest, type Position } from '../../../app/live/position.ts';
import type { LiveFeed } from '../../../app/live/ports.ts';
import type { Caller } from '../../../app/ports.ts';
import { retryMs } from './connections.ts';
import type { Cursors } from './cursors.ts';
import { isWanted, typeOf } from './event-types.ts';
import { createNudge } from './nudge.ts';
import type { Render } from './render.ts';
import type { EndReason, Frame, Sink } from './sink.ts';

export interface LiveTiming {
  readonly heartbeatMs: number;
  /** How often credentials are looked at while nothing happens. */
  readonly recheckMs: number;
  /** A client that takes nothing for so long is let go. */
  readonly stallMs: number;
  /** Positions older than this are not resumed. */
  readonly retentionMs: number;
  /** Nor are those with more events of the platform since. */
  readonly maxReplay: number;
}

export interface SessionDependencies {
  readonly feed: LiveFeed;
  readonly cursors: Cursors;
  readonly render: Render;
  readonly timing: LiveTiming;
  readonly delivered: (sink: Sink, events: readonly LiveEvent[]) => void;
}

export interface SessionRequest {
  readonly caller: Caller;
  /** The caller as of now. @throws auth.* when the credential is worth nothing any more */
  readonly reauthenticate: () => Promise<Caller>;
  readonly selected: ReadonlySet<string>;
  /** Where the client is if it resumes nothing: the moment it came. */
  readonly since: Place;
  readonly lastEventId: string | undefined;
}

type Reset = 'unknown_position' | 'too_old' | 'restarted';

const batchSize = 64;
const failurePauseMs = 200;
const fallsEveryMs = 60_000;

/** @returns whether `work` was done in time */
const within = (work: Promise<void>, ms: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(resolve, ms, false);
    work.then(() => resolve(true), reject).finally(() => clearTimeout(late));
  });

/** Runs until the client is gone or is told the end. Never rejects. */
export const runSession = async (
  { feed, cursors, render, timing, delivered }: SessionDependencies,
  sink: Sink,
  { reauthenticate, selected, since, lastEventId, ...request }: SessionRequest,
): Promise<void> => {
  const { window } = feed;
  const { tenantId } = request.caller;
  let { caller } = request;
  let generation = window.generation();
  let place = since;
  /** Has seen everything once. */
  let caughtUp = false;
  let fellOutAtMs = Number.NEGATIVE_INFINITY;
  let lastWrittenMs = performance.now();

  const nudge = createNudge();
  const unsubscribe = window.subscribe(tenantId, nudge.wake);
  sink.onClose(nudge.wake);

  const cursorAt = (position: Position): string => cursors.seal(tenantId, { epoch: feed.epoch(), at: new Date(), position });
  const end = (reason: EndReason): void => sink.end(reason, retryMs());
  const write = async (frames: readonly Frame[]): Promise<void> => {
    lastWrittenMs = performance.now();
    if (!(await within(sink.send(frames), timing.stallMs))) end('slow_consumer');
  };
  const tell = (name: string, data: unknown): Promise<void> =>
    write([{ name, cursor: cursorAt(place.position), json: JSON.stringify(data) }]);

  const startAnew = async (reason: Reset): Promise<void> => {
    generation = window.generation();
    place = { arrival: window.arrival(), position: window.position() };
    caughtUp = true;
    await tell('stream.reset', { reason });
  };
  const resume = async (text: string): Promise<void> => {
    const mark = cursors.open(tenantId, text);
    if (mark === undefined || mark.epoch !== feed.epoch()) return startAnew(mark === undefined ? 'unknown_position' : 'restarted');
    const tooOld = Date.now() - mark.at.getTime() > timing.retentionMs || distance(mark.position, window.floor()) > timing.maxReplay;
    if (tooOld && !window.holds(mark.position)) return startAnew('too_old');
    place = { arrival: 0, position: mark.position };
    return tell('stream.open', { resumed: true, heartbeatMs: timing.heartbeatMs });
  };

  const deliver = async (events: readonly { readonly event: LiveEvent; readonly position: Position }[]): Promise<void> => {
    const wanted = events.filter(({ event }) => isWanted(event.subject, caller, selected));
    if (wanted.length === 0) return;
    const texts = await render(
      caller,
      wanted.map(({ event }) => event),
    );
    if (sink.closed()) return;
    let { position } = place;
    const frames = wanted.map((each, index) => {
      position = furthest(position, each.position);
      return { name: typeOf(each.event.subject)?.name ?? '', cursor: cursorAt(position), json: texts[index] ?? '' };
    });
    await write(frames);
    delivered(
      sink,
      wanted.map(({ event }) => event),
    );
  };
  const deliverEntries = async (entries: readonly WindowEntry[]): Promise<void> => {
    await deliver(entries);
    const last = entries.at(-1);
    if (last) place = { arrival: last.arrival, position: furthest(place.position, last.position) };
  };
  const deliverOlder = async (): Promise<void> => {
    if (caughtUp) {
      // A burst may do that to anybody; to whom it happens again, reading all again and again would cost too much.
      const now = performance.now();
      if (now - fellOutAtMs < fallsEveryMs) return end('slow_consumer');
      fellOutAtMs = now;
      caughtUp = false;
    }
    const steps = await feed.older(tenantId, place.position);
    if (steps === undefined) return startAnew('too_old');
    for await (const { event, position } of steps) {
      if (sink.closed()) return;
      if (event) await deliver([{ event, position }]);
      place = { arrival: 0, position };
      if (performance.now() - lastWrittenMs > timing.heartbeatMs) await beat();
    }
  };
  const beat = async (): Promise<void> => {
    lastWrittenMs = performance.now();
    if (!(await within(sink.beat(cursorAt(place.position)), timing.stallMs))) end('slow_consumer');
  };
  const stillWelcome = async (): Promise<boolean> => {
    try {
      caller = await reauthenticate();
    } catch (error) {
      // Whoever could not be asked has not said no: a revocation is heard as an event, too.
      if (isAppError(error) && error.code.startsWith('auth.')) end('credentials');
    }
    return !sink.closed();
  };
  const turn = async (): Promise<void> => {
    if (window.generation() !== generation) return startAnew('restarted');
    if (!window.holds(place.position)) return deliverOlder();
    const entries = window.after(tenantId, place, batchSize);
    if (entries.length > 0) return deliverEntries(entries);
    place = { arrival: window.arrival(), position: furthest(place.position, window.position()) };
    caughtUp = true;
    if (performance.now() - lastWrittenMs >= timing.heartbeatMs) await beat();
    await nudge.wait(timing.recheckMs);
  };

  try {
    if (lastEventId === undefined) await tell('stream.open', { resumed: false, heartbeatMs: timing.heartbeatMs });
    else await resume(lastEventId);
    while (!sink.closed() && (await stillWelcome())) {
      try {
        await turn();
      } catch {
        // The verification service or NATS is away: the place has not moved, so nothing is lost; heartbeats go on.
        if (performance.now() - lastWrittenMs >= timing.heartbeatMs) await beat();
        await pause(failurePauseMs);
      }
    }
  } finally {
    unsubscribe();
  }
};
