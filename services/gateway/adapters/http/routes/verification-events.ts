/**
 * Live status of one verification as server-sent events. Each event is the whole resource, its id the version, so a
 * client that reconnects with Last-Event-ID misses nothing that still matters and sees nothing twice.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callerOf, callOptions, pathId } from '../context.ts';
import type { LiveUpdates } from '../live.ts';
import { problems } from '../schemas.ts';
import type { App } from './index.ts';
import { isTerminal, verificationFromProto } from './verifications.ts';

/** Keeps proxies from cutting an idle stream. */
const heartbeatMs = 15_000;
/** Also without any nudge (a lost live connection) the stream looks for itself. */
const recheckMs = 5_000;
const maxStreamsPerTenant = 200;

export interface VerificationEventDependencies {
  readonly backends: Pick<Backends, 'verifications'>;
  readonly live: LiveUpdates;
}

export const verificationEventRoutes = (app: App, { backends: { verifications }, live }: VerificationEventDependencies): void => {
  const openStreams = new Set<() => void>();
  const perTenant = new Map<string, number>();
  app.addHook('preClose', async () => {
    for (const close of openStreams) close();
  });

  const stream = (request: FastifyRequest, reply: FastifyReply, id: string, lastSeen: bigint): void => {
    const { tenantId } = callerOf(request);
    let version = lastSeen;
    let reading = false;
    let again = false;
    let closed = false;
    const { deadline: _firstDeadline, ...options } = callOptions(request);

    const close = (): void => {
      if (closed) return;
      closed = true;
      openStreams.delete(close);
      perTenant.set(tenantId, (perTenant.get(tenantId) ?? 1) - 1);
      unsubscribe();
      clearInterval(heartbeat);
      clearInterval(recheck);
      reply.raw.end();
    };
    const read = async (): Promise<void> => {
      const { verification } = await verifications.getVerification({ id }, options);
      if (closed || !verification) return;
      if (verification.version > version) {
        version = verification.version;
        reply.raw.write(`id: ${version}\nevent: verification\ndata: ${JSON.stringify(verificationFromProto(verification))}\n\n`);
      }
      if (isTerminal(verification)) close();
    };
    // Nudges that arrive during a read are folded into one more read.
    const refresh = async (): Promise<void> => {
      if (reading) {
        again = true;
        return;
      }
      reading = true;
      try {
        do {
          again = false;
          await read();
        } while (again && !closed);
      } catch {
        // The backend is away for the moment: the next nudge or recheck tries again; the client sees heartbeats meanwhile.
      } finally {
        reading = false;
      }
    };
    const unsubscribe = live.subscribe(id, () => void refresh());
    const heartbeat = setInterval(() => reply.raw.write(': still here\n\n'), heartbeatMs);
    const recheck = setInterval(() => void refresh(), recheckMs);
    openStreams.add(close);
    perTenant.set(tenantId, (perTenant.get(tenantId) ?? 0) + 1);
    request.raw.on('close', close);
    void refresh();
  };

  app.get(
    '/v2/verifications/:id/events',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags: ['verifications'],
        summary: 'Live status as server-sent events',
        description:
          'Event `verification`, data: the verification, id: its version. Ends after a final status. Reconnect with Last-Event-ID.',
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
      if ((perTenant.get(callerOf(request).tenantId) ?? 0) >= maxStreamsPerTenant) {
        throw appError('request.rate_limited', { message: `At most ${maxStreamsPerTenant} open streams.`, retryAfterMs: 5_000 });
      }
      const lastSeen = BigInt(request.headers['last-event-id'] ?? '0');
      reply.hijack();
      const headers = reply.getHeaders() as Record<string, string>;
      reply.raw.writeHead(200, {
        ...headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      reply.raw.write('retry: 1000\n\n');
      stream(request, reply, id, lastSeen);
    },
  );
};
