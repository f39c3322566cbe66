/** What all open streams of this gateway share. */
import fastifyWebsocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { Authenticate } from '../../../app/authenticate.ts';
import type { LiveEvent, Place } from '../../../app/live/event-window.ts';
import type { LiveFeed } from '../../../app/live/ports.ts';
import type { Caller } from '../../../app/ports.ts';
import type { Backends } from '../backends.ts';
import { callerOf } from '../context.ts';
import { credentialOf } from '../plugins/access-control.ts';
import { createConnections, type Connections } from './connections.ts';
import { createCursors } from './cursors.ts';
import { createRender } from './render.ts';
import { runSession, type LiveTiming, type SessionRequest } from './session.ts';
import type { Sink } from './sink.ts';

export const liveTiming: LiveTiming = {
  heartbeatMs: 15_000,
  recheckMs: 1_000,
  stallMs: 10_000,
  retentionMs: 86_400_000,
  maxReplay: 200_000,
};

export interface LiveOptions {
  readonly feed: LiveFeed;
  /** Seals event ids; the same at every gateway. */
  readonly cursorKey: string;
  readonly timing: LiveTiming;
}

export interface LiveStreams {
  readonly feed: LiveFeed;
  readonly timing: LiveTiming;
  readonly connections: Connections;
  /** The caller as of now, by the credential that the request came with. @throws auth.* */
  reauthenticate(request: FastifyRequest): () => Promise<Caller>;
  /** Where a stream that begins now begins. */
  here(): Place;
  /** Delivers to an opened sink until it closes. */
  run(request: FastifyRequest, sink: Sink, wanted: Omit<SessionRequest, 'caller' | 'reauthenticate'>): Promise<void>;
}

const webSocketProtocol = 'namaskah.v1';
/** A client has next to nothing to say. */
const maxFrameBytes = 4_096;

interface Dependencies {
  readonly live: LiveOptions;
  readonly backends: Pick<Backends, 'live'>;
  readonly authenticate: Authenticate;
  readonly metrics: Metrics;
}

/** Before anything may refuse a request: the plugin must know an upgrade as one, or the socket of a refused one stays open. */
export const webSockets = async (app: FastifyInstance): Promise<void> => {
  await app.register(fastifyWebsocket, {
    options: {
      maxPayload: maxFrameBytes,
      handleProtocols: (offered: Set<string>) => (offered.has(webSocketProtocol) ? webSocketProtocol : false),
    },
    // Ours says why, and when to come back.
    preClose: (done: () => void) => done(),
  });
};

export const liveStreams = (
  app: FastifyInstance,
  { live: { feed, cursorKey, timing }, backends, authenticate, metrics }: Dependencies,
): LiveStreams => {
  const connections = createConnections(metrics);
  const messages = metrics.counter('realtime_messages_total');
  const delay = metrics.histogram('realtime_delay_seconds');
  const delivered = ({ transport }: Sink, events: readonly LiveEvent[]): void => {
    const now = Date.now();
    messages.inc({ transport }, events.length);
    for (const { occurredAt } of events) delay.observe({ transport }, Math.max(0, now - occurredAt.getTime()) / 1_000);
  };
  const session = { feed, cursors: createCursors(cursorKey), render: createRender(backends), timing, delivered };

  app.addHook('preClose', (done) => {
    connections.endAll();
    done();
  });

  const reauthenticate: LiveStreams['reauthenticate'] = (request) => {
    const credential = credentialOf(request.headers);
    const first = callerOf(request);
    return async () => (await authenticate(credential)) ?? first;
  };
  return {
    feed,
    timing,
    connections,
    reauthenticate,
    here: () => ({ arrival: feed.window.arrival(), position: feed.window.position() }),
    run: (request, sink, wanted) =>
      runSession(session, sink, { caller: callerOf(request), reauthenticate: reauthenticate(request), ...wanted }),
  };
};
