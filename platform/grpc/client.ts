/**
 * Client of one gRPC service: a plain object with a promise per method. Connects when first used, reconnects by itself,
 * spreads calls over all addresses of a name. Every call has a deadline: the one given, or the smaller of the budget of the
 * call being served and `defaultDeadlineMs`. What is thrown is always an AppError.
 */
import { isIP } from 'node:net';
import {
  type CallOptions,
  type ClientReadableStream,
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { context, propagation, type Span, SpanKind, trace } from '@opentelemetry/api';
import { type AppError, appError, isAppError } from '#platform/errors/index.ts';
import { fromGrpcError, type GrpcErrorLike } from '#platform/errors/from-grpc.ts';
import { installPropagation, type Metrics, recordFailure, tracer } from '#platform/telemetry/index.ts';
import { currentCall, requireTime } from './deadline.ts';
import { type MethodDefinition, type RequestOf, type ResponseOf, type ServiceDefinition, splitPath } from './definition.ts';
import { repeatableMethods, serviceConfigFor } from './descriptors.ts';
import { principalHeader, recordSetter, requestIdHeader } from './headers.ts';
import { clientLanes, type Lane, type Lanes } from './lanes/client-lanes.ts';
import { retryPolicy, type Retries } from './lanes/retries.ts';
import { type Principal, type PrincipalSigner, principalSigner } from './principal.ts';
import { clientCredentials, type ClientTls } from './tls.ts';

export interface GrpcCallOptions {
  /** Absent only for public methods. */
  readonly principal?: Principal | undefined;
  readonly deadline?: Date | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly requestId?: string | undefined;
}

export interface GrpcClientOptions {
  /** host:port */
  readonly address: string;
  readonly principalKey: string;
  /** Name of the calling service. */
  readonly caller: string;
  readonly defaultDeadlineMs?: number;
  readonly metrics?: Metrics | undefined;
  readonly tls?: ClientTls | undefined;
}

/** A generated client class; its definition gives the types. */
export interface ClientClass<D extends ServiceDefinition> {
  new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): Client;
  readonly service: D;
  readonly serviceName: string;
}

export type GrpcClient<D extends ServiceDefinition> = {
  readonly [K in keyof D]: (
    request: RequestOf<D[K]>,
    options?: GrpcCallOptions,
    // A stream is sent when it is iterated; leaving the loop cancels the call. Give it a deadline of its own.
  ) => D[K]['responseStream'] extends true ? AsyncIterable<ResponseOf<D[K]>> : Promise<ResponseOf<D[K]>>;
} & { close(): Promise<void> };

type UnaryOf<F> = F extends (
  request: infer Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: infer R) => void,
) => ClientUnaryCall
  ? (request: Q, options?: GrpcCallOptions) => Promise<R>
  : F extends (request: infer Q, metadata?: Metadata, options?: Partial<CallOptions>) => ClientReadableStream<infer R>
    ? (request: Q, options?: GrpcCallOptions) => AsyncIterable<R>
    : never;

/** The same object by the generated interface: `ClientOf<LedgerServiceClient>`. */
export type ClientOf<C extends Client> = { readonly [K in Exclude<keyof C, keyof Client>]: UnaryOf<C[K]> };

/** A name may stand for many replicas and is resolved by DNS; an IP address is one. */
const target = (address: string): string => {
  const host = address.slice(0, address.lastIndexOf(':'));
  if (host.startsWith('[')) return `ipv6:${address}`;
  return isIP(host) === 4 ? `ipv4:${address}` : `dns:///${address}`;
};

const channelOptions = (service: string, tls: ClientTls | undefined): Partial<ClientOptions> => ({
  'grpc.service_config': serviceConfigFor(service),
  'grpc.service_config_disable_resolution': 1,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName }),
});

interface Setting {
  readonly client: Client;
  readonly lanes: Lanes;
  /** Names of methods that may be sent again when nobody knows whether they were handled. */
  readonly repeatable: readonly string[];
  readonly retries: Retries;
  readonly signer: PrincipalSigner;
  readonly defaultDeadlineMs: number;
  readonly metrics: Metrics | undefined;
}

const deadlineOf = (options: GrpcCallOptions, defaultDeadlineMs: number, nowMs: number): number => {
  if (options.deadline !== undefined) return options.deadline.getTime();
  const own = nowMs + defaultDeadlineMs;
  const ambient = currentCall();
  return ambient === undefined ? own : Math.min(own, ambient.deadline.getTime());
};

type Headers = Record<string, string>;

const headersOf = (options: GrpcCallOptions, signer: PrincipalSigner, span: Span): Headers => {
  const headers: Headers = {};
  if (options.principal !== undefined) headers[principalHeader] = signer.sign(options.principal);
  const requestId = options.requestId ?? currentCall()?.requestId;
  if (requestId !== undefined) headers[requestIdHeader] = requestId;
  propagation.inject(trace.setSpan(context.active(), span), headers, recordSetter);
  return headers;
};

const metadataOf = (headers: Headers): Metadata => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
};

/** grpc-js takes a stack trace at each call, for an error that hardly ever comes; ours say the method instead. */
const withoutStackTrace = <T>(fn: () => T): T => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return fn();
  } finally {
    Error.stackTraceLimit = limit;
  }
};

/** A unary call on its way: its bytes, its headers, when it has to be over (Unix ms) and whom to tell. */
interface Outgoing {
  readonly bytes: Buffer;
  readonly headers: Headers;
  readonly deadlineMs: number;
  readonly done: (error: GrpcErrorLike | null, response: Uint8Array | undefined) => void;
}
type Cancel = () => void;

const same = (bytes: Buffer): Buffer => bytes;

/** How a unary call of this method travels: over a lane when there is one, else by itself. Each way gives back how to cancel it. */
const sender = (path: string, { client, lanes, repeatable, retries }: Setting) => {
  const mayRepeat = repeatable.includes(splitPath(path).method);

  const byItself = ({ bytes, headers, deadlineMs, done }: Outgoing): Cancel => {
    const call = withoutStackTrace(() =>
      client.makeUnaryRequest(path, same, same, bytes, metadataOf(headers), { deadline: deadlineMs }, done),
    );
    return () => call.cancel();
  };

  return (call: Outgoing, nowMs: number): Cancel => {
    const first = lanes.ready(call.bytes.length);
    if (first === undefined) return byItself(call);
    const { bytes, headers, deadlineMs } = call;
    let cancel: Cancel = () => undefined;
    const done = (error: GrpcErrorLike | null, response?: Uint8Array): void => {
      clearTimeout(timer);
      call.done(error, response);
    };
    const timer = setTimeout(() => {
      cancel();
      done({ code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded' });
    }, deadlineMs - nowMs);
    // gRPC repeats by the policy of the method what breaks under way; what a lane loses is given to it.
    const lost = (error: GrpcErrorLike): void => {
      if (!mayRepeat) return done(error);
      clearTimeout(timer);
      cancel = byItself(call);
    };
    const attempt = (lane: Lane, timeoutMs: number, count: number): void => {
      const answered = (error: GrpcErrorLike | undefined, response: Uint8Array): void => {
        const pauseMs = mayRepeat ? retries.pauseMs(error, count) : undefined;
        if (pauseMs === undefined) return done(error ?? null, response);
        const again = setTimeout(() => {
          const next = lanes.ready(bytes.length);
          if (next === undefined) lost(error!);
          else attempt(next, deadlineMs - Date.now(), count + 1);
        }, pauseMs);
        cancel = () => clearTimeout(again);
      };
      cancel = lane.send({ path, timeoutMs: Math.max(1, timeoutMs), metadata: headers, request: bytes }, answered, lost);
    };
    attempt(first, deadlineMs - nowMs, 1);
    return () => {
      cancel();
      done({ code: status.CANCELLED, details: 'Cancelled on client' });
    };
  };
};

/** One method of the client with one answer. */
const caller = (definition: MethodDefinition, setting: Setting) => {
  const { signer, defaultDeadlineMs, metrics } = setting;
  const { path } = definition;
  const { service, method } = splitPath(path);
  const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': path.slice(1) };
  const duration = metrics?.histogram('rpc_client_duration_seconds');
  const serialize = definition.requestSerialize as (value: unknown) => Buffer;
  const dispatch = sender(path, setting);

  const send = (request: unknown, options: GrpcCallOptions, span: Span): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const nowMs = Date.now();
      const deadlineMs = deadlineOf(options, defaultDeadlineMs, nowMs);
      requireTime(deadlineMs, nowMs);
      const { signal } = options;
      if (signal?.aborted === true) throw appError('request.cancelled', { cause: signal.reason });
      const done: Outgoing['done'] = (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (error !== null) return reject(fromGrpcError(error));
        try {
          resolve(definition.responseDeserialize(response as Buffer));
        } catch (cause) {
          reject(appError('platform.internal', { cause }));
        }
      };
      const call = { bytes: serialize(request), headers: headersOf(options, signer, span), deadlineMs, done };
      const cancel = dispatch(call, nowMs);
      signal?.addEventListener('abort', cancel, { once: true });
    });

  return async (request: unknown, options: GrpcCallOptions = {}): Promise<unknown> => {
    const startedAt = performance.now();
    const span = tracer.startSpan(path.slice(1), { kind: SpanKind.CLIENT, attributes });
    let failure: AppError | undefined;
    try {
      return await send(request, options, span);
    } catch (error) {
      failure = error as AppError;
      recordFailure(span, failure);
      throw failure;
    } finally {
      duration?.observe({ service, method, code: failure?.code ?? 'OK' }, (performance.now() - startedAt) / 1_000);
      span.end();
    }
  };
};

/** One method of the client that is answered by a stream. */
const streamer = (definition: MethodDefinition, { client, signer, defaultDeadlineMs, metrics }: Setting) => {
  const { path } = definition;
  const { service, method } = splitPath(path);
  const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': path.slice(1) };
  const duration = metrics?.histogram('rpc_client_duration_seconds');

  return async function* stream(request: unknown, options: GrpcCallOptions = {}): AsyncGenerator<unknown, void> {
    const startedAt = performance.now();
    const span = tracer.startSpan(path.slice(1), { kind: SpanKind.CLIENT, attributes });
    const { signal } = options;
    let call: ClientReadableStream<unknown> | undefined;
    let failure: AppError | undefined;
    const cancel = (): void => call?.cancel();
    try {
      const nowMs = Date.now();
      const deadlineMs = deadlineOf(options, defaultDeadlineMs, nowMs);
      requireTime(deadlineMs, nowMs);
      if (signal?.aborted === true) throw appError('request.cancelled', { cause: signal.reason });
      call = client.makeServerStreamRequest(
        path,
        definition.requestSerialize as (value: unknown) => Buffer,
        (bytes: Buffer) => definition.responseDeserialize(bytes),
        request,
        metadataOf(headersOf(options, signer, span)),
        { deadline: deadlineMs },
      );
      signal?.addEventListener('abort', cancel, { once: true });
      // The iteration reports errors; that of a cancellation comes when nobody listens any more.
      call.on('error', () => undefined);
      yield* call;
    } catch (error) {
      failure = isAppError(error) ? error : fromGrpcError(error as ServiceError);
      recordFailure(span, failure);
      throw failure;
    } finally {
      // Also when the reader has left the loop: the server need not make what nobody reads.
      cancel();
      signal?.removeEventListener('abort', cancel);
      duration?.observe({ service, method, code: failure?.code ?? 'OK' }, (performance.now() - startedAt) / 1_000);
      span.end();
    }
  };
};

/** @param clientClass generated: `LedgerServiceClient` */
export const grpcClient = <D extends ServiceDefinition>(clientClass: ClientClass<D>, options: GrpcClientOptions): GrpcClient<D> => {
  installPropagation();
  const { address, principalKey, tls } = options;
  const client = new clientClass(target(address), clientCredentials(tls), channelOptions(clientClass.serviceName, tls));
  const lanes = clientLanes(client);
  const setting: Setting = {
    client,
    lanes,
    repeatable: repeatableMethods(clientClass.serviceName),
    retries: retryPolicy(),
    signer: principalSigner(principalKey, options.caller),
    defaultDeadlineMs: options.defaultDeadlineMs ?? 5_000,
    metrics: options.metrics,
  };
  const methods = Object.entries(clientClass.service).map(
    ([name, definition]) => [name, (definition.responseStream ? streamer : caller)(definition, setting)] as const,
  );
  const close = (): Promise<void> => {
    lanes.close();
    client.close();
    return Promise.resolve();
  };
  return { ...Object.fromEntries(methods), close } as GrpcClient<D>;
};
