/** Per-request values shared by all routes: who calls, until when, under which id. */
import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { CallOptions, Principal } from '#platform/grpc/index.ts';
import { appError } from '#platform/errors/index.ts';
import { fromTypeId, type IdKind } from '#platform/ids/index.ts';
import type { Access } from '../../app/access.ts';
import type { Caller } from '../../app/ports.ts';
import type { Route } from './plugins/fastify-inside.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** Kept alive under pressure and outside the rate limit: health checks and callbacks. */
    alwaysServed?: boolean;
    /** Shown to a person by a browser. */
    page?: boolean;
  }
  interface FastifyRequest {
    caller: Caller | undefined;
    route: Route;
    deadlineMs: number;
    traceId: string;
    startedAtMs: number;
    aborted: AbortController | undefined;
  }
}

/** The caller that the access rule of this route guarantees. */
export const callerOf = (request: FastifyRequest): Caller => {
  if (!request.caller) throw appError('auth.unauthenticated');
  return request.caller;
};

/** Options of every backend call made for this request. */
export const callOptions = (request: FastifyRequest): CallOptions => ({
  ...(request.caller ? { principal: request.caller satisfies Principal } : {}),
  deadline: new Date(request.deadlineMs),
  requestId: request.id,
});

/** The UUID inside a path id. A text that is no such id names nothing, so it is 404 like any other unknown id. */
export const pathId = (kind: IdKind, value: string): string => {
  const uuid = fromTypeId(kind, value);
  if (uuid === undefined) throw appError('request.not_found');
  return uuid;
};

/** The UUID inside an id of a query or a body; none: empty. @throws request.invalid on that field */
export const fieldId = (kind: IdKind, field: string, value: string | undefined): string => {
  if (value === undefined) return '';
  const uuid = fromTypeId(kind, value);
  if (uuid === undefined) throw appError('request.invalid', { fields: [{ field, reason: 'is not such an id' }] });
  return uuid;
};

/** The client's key, or a fresh one: without a key every request is a new one. */
export const idempotencyKeyOf = (request: FastifyRequest): string => {
  const header = request.headers['idempotency-key'];
  return typeof header === 'string' ? header : `auto:${randomUUID()}`;
};
