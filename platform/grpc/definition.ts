import type { AccessPolicy, Policy, PublicPolicy } from './policy.ts';
import type { Principal } from './principal.ts';

/** A method as ts-proto generates it (outputServices=grpc-js): one request, and one response or a stream of them. */
export interface MethodDefinition {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: boolean;
  // Method syntax: parameters are compared bivariantly, so every generated definition fits.
  requestSerialize(value: never): Buffer;
  requestDeserialize(bytes: Buffer): unknown;
  responseSerialize(value: never): Buffer;
  responseDeserialize(bytes: Buffer): unknown;
}
export type ServiceDefinition = Readonly<Record<string, MethodDefinition>>;
export type RequestOf<M extends MethodDefinition> = ReturnType<M['requestDeserialize']>;
export type ResponseOf<M extends MethodDefinition> = ReturnType<M['responseDeserialize']>;

export interface CallContext<P extends Principal | undefined = Principal> {
  readonly principal: P;
  /** Aborted when the caller goes away or the deadline passes. Pass it on, or check it before an irreversible step. */
  readonly signal: AbortSignal;
  /** Already shaved: an answer at this time still reaches the caller. */
  readonly deadline: Date;
  readonly requestId: string;
}

type CallOf<P extends Policy> = P extends AccessPolicy ? CallContext : P extends PublicPolicy ? CallContext<Principal | undefined> : never;

export interface GrpcMethod<Q, R> {
  readonly policy: Policy;
  handle(request: Q, call: CallContext<Principal | undefined>): Promise<R> | R;
}

/** A handler with its policy. With an access policy the principal is always there. */
export const method = <Q, R, P extends Policy>(policy: P, handle: (request: Q, call: CallOf<P>) => Promise<R> | R): GrpcMethod<Q, R> => ({
  policy,
  handle: handle as GrpcMethod<Q, R>['handle'],
});

export interface GrpcStream<Q, R> {
  readonly policy: Policy;
  stream(request: Q, call: CallContext<Principal | undefined>): AsyncIterable<R>;
}

/**
 * A method that answers with many messages, made while they are read: the next is asked for when the caller has room for it.
 * When the caller leaves or the deadline passes, the iterator is closed at its next step, so clean up in `finally`.
 */
export const streamMethod = <Q, R, P extends Policy>(
  policy: P,
  stream: (request: Q, call: CallOf<P>) => AsyncIterable<R>,
): GrpcStream<Q, R> => ({ policy, stream: stream as GrpcStream<Q, R>['stream'] });

type Implementation<M extends MethodDefinition> = M['responseStream'] extends true
  ? GrpcStream<RequestOf<M>, ResponseOf<M>>
  : GrpcMethod<RequestOf<M>, ResponseOf<M>>;
export type Methods<D extends ServiceDefinition> = { readonly [K in keyof D]: Implementation<D[K]> };

export interface BoundMethod {
  readonly name: string;
  readonly definition: MethodDefinition;
  readonly implementation: GrpcMethod<unknown, unknown> | GrpcStream<unknown, unknown>;
}

export interface BoundService {
  /** namaskah.billing.v1.LedgerService */
  readonly name: string;
  readonly methods: readonly BoundMethod[];
}

/** "/namaskah.billing.v1.LedgerService/PlaceHold" → its two halves */
export const splitPath = (path: string): { service: string; method: string } => {
  const [, service = '', name = ''] = path.split('/');
  return { service, method: name };
};

/** A generated service definition with an implementation of every method. */
export const grpcService = <D extends ServiceDefinition>(definition: D, methods: Methods<D>): BoundService => {
  const bound = Object.entries(definition).map(([key, each]) => {
    const implementation = methods[key];
    if (implementation === undefined) throw new Error(`${each.path} has no implementation`);
    return { name: key, definition: each, implementation: implementation as BoundMethod['implementation'] };
  });
  const [first] = bound;
  if (first === undefined) throw new Error('a gRPC service without methods');
  return { name: splitPath(first.definition.path).service, methods: bound };
};
