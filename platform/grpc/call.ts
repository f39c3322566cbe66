/**
 * One call at the server, from metadata to status. Everything that has to happen to every call happens here, in one
 * function and this order: capacity, trace, deadline, principal, policy, request, handler, error, metrics. Plain code instead of a
 * stack of interceptors: it is the platform's hottest path.
 */
import { once } from 'node:events';
import { type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { context, propagation, type Span, SpanKind, trace } from '@opentelemetry/api';
import { type AppError, appError, isAppError, toAppError } from '#platform/errors/index.ts';
import { toGrpcError } from '#platform/errors/to-grpc.ts';
import { newId } from '#platform/ids/index.ts';
import type { Logger } from '#platform/logging/index.ts';
import { type Metrics, recordFailure, tracer } from '#platform/telemetry/index.ts';
import { type Ambient, requireTime, serverDeadline, withAmbient } from './deadline.ts';
import { type BoundMethod, type CallContext, type GrpcMethod, type GrpcStream, splitPath } from './definition.ts';
import { firstText, principalHeader, requestIdHeader } from './headers.ts';
import { authorise } from './policy.ts';
import type { Principal, PrincipalVerifier } from './principal.ts';
import { requireStorable } from './storable.ts';

export interface CallEnvironment {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly verifier: PrincipalVerifier;
  readonly maxInFlight: number;
  /** Handlers that have not settled, including those whose caller is gone: they still hold connections. */
  readonly load: { inFlight: number };
}

/** A call as it has come, by itself or over a lane. */
export interface Incoming {
  readonly request: unknown;
  /** Infinity when the caller has sent none. */
  readonly deadline: Date | number;
  header(name: string): string | undefined;
  headerNames(): string[];
  /** The caller has gone, or the call is over. */
  whenCancelled(then: () => void): void;
}

type StreamCall = ServerWritableStream<unknown, unknown>;
type Call = ServerUnaryCall<unknown, unknown> | StreamCall;
type Reply = (error: AppError | undefined, response: unknown) => void;
type Work = (handed: CallContext<Principal | undefined>) => Promise<unknown> | unknown;

const requestIdPattern = /^[A-Za-z0-9_.:-]{1,128}$/;

/**
 * What a handler is given of its call, and how the call is given up. The abort controller is made when a handler asks for its signal; most
 * calls end before anybody does. A class because of its getter, see docs/adr/0076: in an object literal it would keep the call in memory.
 */
class HandedCall implements CallContext<Principal | undefined> {
  readonly principal: Principal | undefined;
  readonly deadline: Date;
  readonly requestId: string;
  #controller: AbortController | undefined;
  #aborted: AppError | undefined;

  constructor(principal: Principal | undefined, { deadline, requestId }: Ambient) {
    this.principal = principal;
    this.deadline = deadline;
    this.requestId = requestId;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  abort(reason: AppError): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }
}

const headersOf = { keys: (call: Incoming) => call.headerNames(), get: (call: Incoming, name: string) => call.header(name) };

const incomingOf = (call: Call): Incoming => ({
  request: call.request,
  deadline: call.getDeadline(),
  header: (name) => firstText(call.metadata, name),
  headerNames: () => Object.keys(call.metadata.getMap()),
  whenCancelled: (then) => void call.once('cancelled', then),
});

const authenticate = (call: Incoming, { policy }: BoundMethod['implementation'], verifier: PrincipalVerifier): Principal | undefined => {
  const token = call.header(principalHeader);
  const verified = token === undefined ? undefined : verifier.verify(token);
  if (policy.kind === 'access') {
    if (verified === undefined) throw appError('auth.unauthenticated');
    authorise(policy, verified.principal);
  }
  return verified?.principal;
};

const logFailure = (logger: Logger, path: string, requestId: string, error: AppError): void => {
  const record = { rpc: path, requestId, code: error.code, ...(error.cause === undefined ? {} : { err: error.cause }) };
  if (error.code === 'platform.internal') logger.error(record, 'call failed');
  else if (error.row.owner === 'client') logger.debug(record, 'call refused');
  else logger.warn(record, 'call failed');
};

/** What happens to a call of this method, whether it has one answer or many, by itself or over a lane. */
export const serve = ({ definition, implementation }: BoundMethod, environment: CallEnvironment) => {
  const { logger, metrics, verifier, maxInFlight, load } = environment;
  const { path } = definition;
  const { service, method } = splitPath(path);
  const spanName = path.slice(1);
  const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': spanName };
  const duration = metrics.histogram('rpc_server_duration_seconds');
  const errors = metrics.counter('rpc_server_errors_total');
  const gauge = metrics.gauge('rpc_server_in_flight');

  const observe = (startedAt: number, span: Span, requestId: string, error: AppError | undefined): void => {
    const code = error?.code ?? 'OK';
    duration.observe({ service, method, code }, (performance.now() - startedAt) / 1_000);
    span.setAttribute('rpc.response.status_code', error?.row.grpc ?? 'OK');
    if (error !== undefined) {
      errors.inc({ service, owner: error.row.owner });
      recordFailure(span, error);
      logFailure(logger, path, requestId, error);
    }
    span.end();
  };

  return (call: Incoming, reply: Reply, work: Work): void => {
    const startedAt = performance.now();
    const deadlineMs = serverDeadline(call.deadline, Date.now());
    const claimed = call.header(requestIdHeader);
    const requestId = claimed !== undefined && requestIdPattern.test(claimed) ? claimed : newId();
    const parent = propagation.extract(context.active(), call, headersOf);
    const span = tracer.startSpan(spanName, { kind: SpanKind.SERVER, attributes }, parent);
    const ambient: Ambient = { deadline: new Date(deadlineMs), requestId, answered: false };
    const at = withAmbient(trace.setSpan(parent, span), ambient);
    let handed: HandedCall | undefined;
    let timer: NodeJS.Timeout | undefined;

    /** The first one to come answers: the handler, the deadline or the caller's leaving. */
    const answer = (error: AppError | undefined, response?: unknown): void => {
      if (ambient.answered) return;
      ambient.answered = true;
      clearTimeout(timer);
      context.with(at, observe, undefined, startedAt, span, requestId, error);
      reply(error, response);
    };
    const giveUp = (error: AppError): void => {
      handed?.abort(error);
      answer(error);
    };

    const run = async (): Promise<void> => {
      load.inFlight += 1;
      gauge.set(load.inFlight);
      try {
        if (load.inFlight > maxInFlight) throw appError('platform.overloaded', { retryAfterMs: 1_000 });
        requireTime(deadlineMs, Date.now());
        const principal = authenticate(call, implementation, verifier);
        requireStorable(call.request);
        handed = new HandedCall(principal, ambient);
        timer = setTimeout(() => giveUp(appError('platform.deadline_exceeded')), deadlineMs - Date.now());
        // Emitted at the end of every call, answered or not; an error costs a stack trace.
        call.whenCancelled(() => {
          if (!ambient.answered) giveUp(appError('request.cancelled'));
        });
        answer(undefined, await work(handed));
      } catch (error) {
        // What a handler throws because it was aborted is the abortion, not a failure of its own.
        if (ambient.answered && !isAppError(error, 'request.cancelled'))
          logger.debug({ rpc: path, requestId, err: error }, 'failed after the answer');
        answer(toAppError(error));
      } finally {
        load.inFlight -= 1;
        gauge.set(load.inFlight);
      }
    };
    void context.with(at, run);
  };
};

const writeAll = async (call: StreamCall, messages: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> => {
  for await (const message of messages) {
    signal.throwIfAborted();
    // The reader is behind: what it has not taken is not made yet.
    if (!call.write(message)) await once(call, 'drain', { signal });
  }
};

/** @returns a grpc-js handler for a method with one answer */
export const unaryHandler = (bound: BoundMethod, environment: CallEnvironment) => {
  const serveCall = serve(bound, environment);
  const { handle } = bound.implementation as GrpcMethod<unknown, unknown>;
  return (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>): void =>
    serveCall(
      incomingOf(call),
      (error, response) => (error === undefined ? callback(null, response) : callback(toGrpcError(error))),
      (handed) => handle(call.request, handed),
    );
};

/** @returns a grpc-js handler for a method that answers with a stream */
export const streamHandler = (bound: BoundMethod, environment: CallEnvironment) => {
  const serveCall = serve(bound, environment);
  const { stream } = bound.implementation as GrpcStream<unknown, unknown>;
  return (call: StreamCall): void =>
    serveCall(
      incomingOf(call),
      (error) => void (error === undefined ? call.end() : call.emit('error', toGrpcError(error))),
      (handed) => writeAll(call, stream(call.request, handed), handed.signal),
    );
};
