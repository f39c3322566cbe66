/**
 * What every answer carries, whatever happened: request id, trace id, processing time; problems as RFC 9457; one metric
 * and, when slow or failed on our side, one log line.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { appError, isAppError, problemContentType, toAppError, toProblem, type AppError } from '#platform/errors/index.ts';
import type { Logger } from '#platform/logging/index.ts';
import { continueTrace, type Metrics } from '#platform/telemetry/index.ts';
import { withEdgeFields } from '../fields.ts';
import { toValidationError } from '../validation.ts';
import { headersOf, routeOf } from './fastify-inside.ts';

export interface AnswersDependencies {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly requestBudgetMs: number;
}

const slowMs = 1_000;

/** Fastify's own refusals, as ours. */
const fromFastify = (error: FastifyError): AppError => {
  if (error.validation) return toValidationError(error.validation, error.validationContext);
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return appError('request.too_large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return appError('request.unsupported_media_type');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return appError('request.not_found');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
      return appError('request.malformed', { cause: error });
    default:
      return error.statusCode === 400 ? appError('request.malformed', { cause: error }) : toAppError(error);
  }
};

const toPublicError = (error: unknown): AppError =>
  isAppError(error)
    ? withEdgeFields(error)
    : error instanceof Error && 'code' in error
      ? fromFastify(error as FastifyError)
      : toAppError(error);

const nowMs = (): number => performance.now();

const sendProblem = (request: FastifyRequest, reply: FastifyReply, error: AppError): FastifyReply => {
  const problem = toProblem(error, { instance: request.url.split('?')[0] ?? '/', requestId: request.id, traceId: request.traceId });
  const { status } = problem;
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="namaskah"');
  if (error.retryAfterMs !== undefined || status === 429 || status === 503) {
    void reply.header('retry-after', String(problem.retryAfter ?? 1));
  }
  return reply.code(status).type(problemContentType).serializer(JSON.stringify).send(problem);
};

/** For an address that cannot be read: the router gives up before any hook has run, so the request id is set here. */
export const unreadableAddress = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
  sendProblem(request, reply.header('x-request-id', request.id), toPublicError(error));
};

export const answers = (app: FastifyInstance, { logger, metrics, requestBudgetMs }: AnswersDependencies): void => {
  const duration = metrics.histogram('http_server_duration_seconds');
  const routes: { method: string; pattern: RegExp }[] = [];
  app.decorateRequest('caller', undefined);
  app.decorateRequest('traceId', '');
  app.decorateRequest('startedAtMs', 0);
  app.decorateRequest('aborted', undefined);
  app.decorateRequest('deadlineMs', 0);
  app.decorateRequest('route', null as unknown as FastifyRequest['route']);

  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replace(/:\w+/g, '[^/]+')}/?$`);
    for (const each of Array.isArray(method) ? method : [method]) routes.push({ method: each, pattern });
  });
  // Hooks that have nothing to wait for say so by `done`: a promise for each of them is felt on every request.
  app.addHook('onRequest', (request, reply, done) => {
    request.startedAtMs = nowMs();
    request.deadlineMs = Date.now() + requestBudgetMs;
    request.route = routeOf(request);
    continueTrace(request.headers, (span) => {
      request.traceId = span.spanContext().traceId;
      const headers = headersOf(reply);
      headers['x-request-id'] = request.id;
      if (request.traceId) headers['x-trace-id'] = request.traceId;
      span.setAttribute('http.route', request.route.url ?? 'unmatched');
      done();
    });
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    headersOf(reply)['x-process-time'] = ((nowMs() - request.startedAtMs) / 1_000).toFixed(4);
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const elapsedMs = nowMs() - request.startedAtMs;
    const route = request.route.url ?? 'unmatched';
    duration.observe({ method: request.method, route, status: String(reply.statusCode) }, elapsedMs / 1_000);
    if (elapsedMs > slowMs && !/\/events$|\.csv$/.test(route)) {
      logger.warn(
        { method: request.method, route, status: reply.statusCode, elapsedMs: Math.round(elapsedMs), requestId: request.id },
        'slow request',
      );
    }
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    const known = toPublicError(error);
    if (known.row.owner === 'platform') {
      logger.error(
        { err: known.cause ?? known, code: known.code, method: request.method, route: request.routeOptions.url, requestId: request.id },
        'request failed',
      );
    }
    return sendProblem(request, reply, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allowed.length === 0)
      return sendProblem(request, reply, appError('request.not_found', { message: 'There is nothing at this address.' }));
    void reply.header('allow', [...new Set(allowed)].join(', '));
    return sendProblem(request, reply, appError('request.method_not_allowed'));
  });
};
