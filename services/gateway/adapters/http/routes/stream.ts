/** Everything that happens to the tenant, as it happens: server-sent events or, with an upgrade, a WebSocket. */
import type { WebSocket } from '@fastify/websocket';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Check } from 'typebox/value';
import { appError } from '#platform/errors/index.ts';
import { readAccess } from '../../../app/access.ts';
import { callerOf } from '../context.ts';
import { cursorPattern } from '../live/cursors.ts';
import { eventTypes, seesAnyOf, selectTypes } from '../live/event-types.ts';
import { sseSink } from '../live/sse.ts';
import type { LiveStreams } from '../live/stream.ts';
import { webSocketSink } from '../live/websocket.ts';
import { closed, problems } from '../schemas.ts';
import type { App } from './index.ts';

/** How long a WebSocket may take to say what it wants; after that it gets everything from the moment it came. */
const firstFrameMs = 1_000;
const namePattern = String.raw`[a-z_]{1,40}\.(?:[a-z_]{1,40}|\*)`;
const LastEventId = Type.String({ pattern: cursorPattern, description: 'Where to go on: the id of the last event that was handled' });
const names = eventTypes.map(({ name }) => name);

const FirstFrame = Type.Object(
  {
    type: Type.Literal('subscribe'),
    lastEventId: Type.Optional(LastEventId),
    types: Type.Optional(Type.Array(Type.String({ pattern: `^${namePattern}$` }), { maxItems: 50 })),
  },
  closed,
);

const description = `Events: ${names.map((name) => `\`${name}\``).join(', ')}.

Each event is \`{id, type, occurredAt, data}\`. The data of \`verification.*\` is the verification, with number and code, as it is when the
event is delivered; a later event of the same verification may therefore tell nothing new. The data of \`rental.*\` is the rental as it is then, with
what the event adds: \`message\` of \`rental.message_received\` (null when it has been deleted), \`price\`, \`refunded\`, \`reason\`. \`id\` is the fact's own: the same on every
connection.

**Resuming.** The id of a server-sent event (\`lastEventId\` in a WebSocket frame) is a place in the stream of your tenant. Come back with the last one,
as header \`Last-Event-ID\`, as \`?lastEventId=\`, or in a WebSocket's first frame \`{"type":"subscribe","lastEventId":"…","types":["verification.*"]}\`,
at any gateway, and you get what came after it, each event once, those of one resource in order. Places are kept for a day. If yours is older or
unknown you get \`stream.reset\`: read what matters anew; the stream goes on from now.

**Ends.** \`stream.end\` says why (\`shutdown\`, \`credentials\`, \`slow_consumer\`, \`too_many_streams\`, \`malformed\`) and when to come back (\`retryMs\`); a WebSocket's close
codes are 1012, 4401, 4408, 4429 and 4400. A browser's WebSocket offers the protocols \`namaskah.v1\` and \`bearer.<access token>\`.`;

const badTypes = (): Error =>
  appError('request.invalid', { fields: [{ field: 'types', reason: `must name events: ${names.join(', ')}` }] });

/** @throws request.invalid for a name that is none; auth.forbidden when the credential may hear of none of them */
const select = (request: FastifyRequest, wanted: readonly string[]): ReadonlySet<string> => {
  const selected = selectTypes(wanted);
  if (selected === undefined) throw badTypes();
  if (!seesAnyOf(callerOf(request), selected)) throw appError('auth.forbidden', { message: 'The key lacks the scope of these events.' });
  return selected;
};

const listOf = (types: string | undefined): readonly string[] => types?.split(',') ?? [];

/** The first frame, or undefined after a while without one. @throws request.* */
const firstFrame = (socket: WebSocket): Promise<Type.Static<typeof FirstFrame> | undefined> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), firstFrameMs);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    socket.once('message', (raw: Buffer) => {
      clearTimeout(timer);
      try {
        const frame: unknown = JSON.parse(raw.toString());
        if (Check(FirstFrame, frame)) resolve(frame);
        else reject(appError('request.invalid'));
      } catch {
        reject(appError('request.malformed'));
      }
    });
  });

interface StreamQuery {
  readonly lastEventId?: string;
  readonly types?: string;
}

export const streamRoutes = (app: App, { streams }: { readonly streams: LiveStreams }): void => {
  const overWebSocket = async (socket: WebSocket, request: FastifyRequest): Promise<void> => {
    const sink = webSocketSink(socket);
    streams.connections.open(callerOf(request), sink);
    const query = request.query as StreamQuery;
    // Heard from now on, whatever the first frame says and whenever it comes.
    const since = streams.here();
    try {
      const frame = query.lastEventId === undefined && query.types === undefined ? await firstFrame(socket) : undefined;
      const selected = select(request, frame?.types ?? listOf(query.types));
      // One question was all there was to ask.
      socket.once('message', () => sink.end('malformed', 0));
      await streams.run(request, sink, { selected, since, lastEventId: query.lastEventId ?? frame?.lastEventId });
    } catch {
      sink.end('malformed', 0);
    }
  };
  app.route({
    method: 'GET',
    url: '/v2/stream',
    exposeHeadRoute: false,
    config: { access: readAccess() },
    schema: {
      tags: ['stream'],
      summary: 'Everything that happens, live',
      description,
      headers: Type.Object({ 'last-event-id': Type.Optional(LastEventId) }),
      querystring: Type.Object(
        {
          lastEventId: Type.Optional(LastEventId),
          types: Type.Optional(
            Type.String({
              maxLength: 1_000,
              pattern: `^${namePattern}(?:,${namePattern})*$`,
              description: 'Only these, separated by commas; `verification.*` is all of a family',
              examples: ['verification.code_received,payment.*'],
            }),
          ),
        },
        closed,
      ),
      produces: ['text/event-stream'],
      response: { ...problems(403, 422) },
    },
    // Before an answer or an upgrade has begun, so that every refusal is an ordinary problem.
    preHandler: async (request) => {
      select(request, listOf((request.query as StreamQuery).types));
      streams.connections.admit(callerOf(request));
    },
    handler: async (request, reply) => {
      const selected = select(request, listOf(request.query.types));
      const lastEventId = request.headers['last-event-id'] ?? request.query.lastEventId;
      const sink = sseSink(reply);
      streams.connections.open(callerOf(request), sink);
      await streams.run(request, sink, { selected, since: streams.here(), lastEventId });
    },
    wsHandler: (socket, request) => void overWebSocket(socket, request as unknown as FastifyRequest),
  });
};
