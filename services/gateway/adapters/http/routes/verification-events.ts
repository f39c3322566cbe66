/**
 * Live status of one verification as server-sent events. Each event is the whole resource, its id the version, so a
 * client that reconnects with Last-Event-ID misses nothing that still matters and sees nothing twice. A view of the
 * tenant's stream: nudged by its events, with its limits and its ends.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isAppError } from '#platform/errors/index.ts';
import { readAccess } from '../../../app/access.ts';
import type { Caller } from '../../../app/ports.ts';
import type { Backends } from '../backends.ts';
import { callerOf, callOptions, pathId } from '../context.ts';
import { retryMs } from '../live/connections.ts';
import { createNudge } from '../live/nudge.ts';
import type { Sink } from '../live/sink.ts';
import { sseSink } from '../live/sse.ts';
import type { LiveStreams } from '../live/stream.ts';
import { problems } from '../schemas.ts';
import type { App } from './index.ts';
import { isTerminal, verificationFromProto } from './verifications.ts';

/** Also without any nudge (a lost live connection) the stream looks for itself. */
const recheckMs = 5_000;
const readingBudgetMs = 2_000;

export interface VerificationEventDependencies {
  readonly backends: Pick<Backends, 'verifications'>;
  readonly streams: LiveStreams;
}

export const verificationEventRoutes = (app: App, { backends: { verifications }, streams }: VerificationEventDependencies): void => {
  const follow = async (request: FastifyRequest, sink: Sink, id: string, lastSeen: bigint): Promise<void> => {
    let version = lastSeen;
    let readAtMs = 0;
    let changed = true;
    const nudge = createNudge();
    const unsubscribe = streams.feed.window.subscribe(callerOf(request).tenantId, (event) => {
      if (event !== undefined && event.aggregateId !== id) return;
      changed = true;
      nudge.wake();
    });
    sink.onClose(nudge.wake);
    const reauthenticate = streams.reauthenticate(request);
    let writtenAtMs = performance.now();
    const read = async (principal: Caller): Promise<void> => {
      changed = false;
      readAtMs = performance.now();
      const { verification } = await verifications.getVerification(
        { id },
        { principal, requestId: request.id, deadline: new Date(Date.now() + readingBudgetMs) },
      );
      if (sink.closed() || !verification) return;
      if (verification.version > version) {
        version = verification.version;
        writtenAtMs = performance.now();
        await sink.send([{ name: 'verification', cursor: String(version), json: JSON.stringify(verificationFromProto(verification)) }]);
      }
      if (isTerminal(verification)) sink.end('finished', 0);
    };
    try {
      while (!sink.closed()) {
        try {
          const caller = await reauthenticate();
          if (changed || performance.now() - readAtMs > recheckMs) await read(caller);
        } catch (error) {
          if (isAppError(error) && error.code.startsWith('auth.')) return sink.end('credentials', retryMs());
          // The backend is away for the moment: asked again soon; the client sees heartbeats meanwhile.
          changed = true;
          await pause(200);
        }
        if (sink.closed()) return;
        if (performance.now() - writtenAtMs > streams.timing.heartbeatMs) {
          writtenAtMs = performance.now();
          await sink.beat(String(version));
        }
        if (!changed) await nudge.wait(streams.timing.recheckMs);
      }
    } finally {
      unsubscribe();
    }
  };

  app.get(
    '/v2/verifications/:id/events',
    {
      config: { access: readAccess('verifications:read') },
      exposeHeadRoute: false,
      schema: {
        tags: ['verifications'],
        summary: 'Live status as server-sent events',
        description:
          'Event `verification`, data: the verification, id: its version. Ends after a final status. Reconnect with Last-Event-ID. For many verifications at once use `/v2/stream`.',
        params: Type.Object({ id: Type.String() }),
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ pattern: String.raw`^\d{1,18}$` })) }),
        produces: ['text/event-stream'],
        response: { ...problems(403, 404) },
      },
    },
    async (request, reply) => {
      const id = pathId('verification', request.params.id);
      // Before the stream opens, so that a stranger's id is an ordinary 404.
      await verifications.getVerification({ id }, callOptions(request));
      streams.connections.admit(callerOf(request));
      const lastSeen = BigInt(request.headers['last-event-id'] ?? '0');
      const sink = sseSink(reply);
      streams.connections.open(callerOf(request), sink);
      await follow(request, sink, id, lastSeen);
    },
  );
};
