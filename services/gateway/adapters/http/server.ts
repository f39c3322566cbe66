/** The HTTP server: plugins in order, then routes. It does not listen, so tests can inject requests. */
import { randomUUID } from 'node:crypto';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance } from 'fastify';
import { requireStorable } from '#platform/grpc/index.ts';
import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { Authenticate } from '../../app/authenticate.ts';
import type { Backends } from './backends.ts';
import { type CatalogueCache, catalogueCache } from './catalogue-cache.ts';
import { liveStreams, webSockets, type LiveOptions } from './live/stream.ts';
import { accessControl } from './plugins/access-control.ts';
import { answers, unreadableAddress } from './plugins/answers.ts';
import { loadShedding } from './plugins/load-shedding.ts';
import { openApi } from './plugins/openapi.ts';
import { rateLimit } from './plugins/rate-limit.ts';
import { usageMeter } from './plugins/usage-meter.ts';
import { securityHeaders } from './plugins/security-headers.ts';
import { registerRoutes, type Readiness } from './routes/index.ts';
import { verificationFromProto } from './routes/verifications.ts';
import { serializerCompiler } from './serialization.ts';
import { validatorCompiler } from './validation.ts';
import { waitingAnswers } from './waiting-answers.ts';

export interface ServerDependencies {
  readonly backends: Backends;
  readonly authenticate: Authenticate;
  /** Answers of the catalogue; absent: nobody tells it of changes. */
  readonly catalogue?: CatalogueCache;
  readonly live: LiveOptions;
  /** Told of every request of a tenant that was served; absent where nobody counts. */
  readonly countCall?: (tenantId: string) => void;
  readonly readiness: () => Promise<Readiness>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly publicUrl: string;
  readonly corsOrigins: readonly string[];
  readonly rateLimitFactor: number;
  readonly requestBudgetMs: number;
  readonly bodyLimitBytes: number;
  readonly maxEventLoopDelayMs: number;
}

/** What every client library and HTML form does, and nobody means anything by. */
const lenientEdges = (app: FastifyInstance): void => {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // "Content-Type: application/json" without a body: no body. Where one is required, the schema says so.
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parseJson(request, body, done);
  });
  // "?status=&cursor=": not given.
  app.addHook('preValidation', ({ query }, _reply, done) => {
    const parameters = query as Record<string, unknown>;
    for (const name in parameters) if (parameters[name] === '') delete parameters[name];
    done();
  });
};

/** A NUL in any text: refused here by the name of the field, after the schemas had their say. */
const storableOnly = (app: FastifyInstance): void => {
  app.addHook('preHandler', ({ body, query }, _reply, done) => {
    requireStorable(query);
    requireStorable(body);
    done();
  });
};

/** Without any origin to allow there is nothing to answer a browser's question with, and nothing to do on other requests. */
const allowOrigins = async (app: FastifyInstance, origins: readonly string[]): Promise<void> => {
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: [...origins],
    exposedHeaders: [
      'X-Request-Id',
      'X-Trace-Id',
      'X-Process-Time',
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
      'Retry-After',
    ],
    maxAge: 600,
  });
};

const hangUpEveryMs = 50;

/**
 * Browsers and client libraries open connections ahead. One that never carried a request is not "idle" to Node, so a closing server
 * would wait for it for a minute: it is hung up as soon as nothing is being answered any more.
 */
const hangUpOnClose = (app: FastifyInstance): void => {
  let answering = 0;
  const answered = (): void => void (answering -= 1);
  app.addHook('onRequest', (_request, reply, done) => {
    answering += 1;
    // Not onResponse: it is not called for an answer that its reader left, or that was broken off.
    reply.raw.on('close', answered);
    done();
  });
  app.addHook('preClose', (done) => {
    const timer = setInterval(() => {
      if (answering === 0) app.server.closeAllConnections();
    }, hangUpEveryMs);
    app.server.once('close', () => clearInterval(timer));
    timer.unref();
    done();
  });
};

const requestIdPattern = /^[\w.:-]{1,128}$/;

/** @returns a server that is ready for `listen` or `inject`. */
export const createServer = async (dependencies: ServerDependencies): Promise<FastifyInstance> => {
  const app = fastify({
    bodyLimit: dependencies.bodyLimitBytes,
    // A client gets 30 s to deliver its request and an idle connection 72 s (above common load balancers' 60 s).
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    connectionTimeout: 0,
    trustProxy: false,
    logger: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    forceCloseConnections: 'idle',
    frameworkErrors: unreadableAddress,
  });
  app.setValidatorCompiler(validatorCompiler());
  app.setSerializerCompiler(serializerCompiler());
  lenientEdges(app);
  hangUpOnClose(app);
  storableOnly(app);
  securityHeaders(app);
  answers(app, dependencies);
  loadShedding(app, dependencies);
  await webSockets(app);
  await allowOrigins(app, dependencies.corsOrigins);
  accessControl(app, dependencies);
  if (dependencies.countCall) usageMeter(app, dependencies.countCall);
  rateLimit(app, dependencies);
  await openApi(app, dependencies);
  const { catalogue = catalogueCache() } = dependencies;
  const streams = liveStreams(app, dependencies);
  const waiting = waitingAnswers(dependencies.live.feed, (verification) => JSON.stringify(verificationFromProto(verification)));
  await registerRoutes(app, { ...dependencies, catalogue, streams, waiting });
  await app.ready();
  return app;
};
