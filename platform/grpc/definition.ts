import type { AccessPolicy, Policy, PublicPolicy } from './policy.ts';
import type { Principal } from './principal.ts';

/** A method as ts-proto generates it (outputServices=grpc-js). */
export interface UnaryDefinition {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: false;
  // Method syntax: parameters are compared bivariantly, so every generated definition fits.
  requestSerialize(value: never): Buffer;
  requestDeserialize(bytes: Buffer): unknown;
  responseSerialize(value: never): Buffer;
  responseDeserialize(bytes: Buffer): unknown;
}
export type ServiceDefinition = Readonly<Record<string, UnaryDefinition>>;
export type RequestOf<M extends UnaryDefinition> = ReturnType<M['requestDeserialize']>;
export type ResponseOf<M extends UnaryDefinition> = ReturnType<M['responseDeserialize']>;

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

export type Methods<D extends ServiceDefinition> = { readonly [K in keyof D]: GrpcMethod<RequestOf<D[K]>, ResponseOf<D[K]>> };

export interface BoundMethod {
  readonly name: string;
  readonly definition: UnaryDefinition;
  readonly implementation: GrpcMethod<unknown, unknown>;
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
  const bound = Object.entries(definition).map(([key, unary]) => {
    const implementation = methods[key];
    if (implementation === undefined) throw new Error(`${unary.path} has no implementation`);
    return { name: key, definition: unary, implementation: implementation as GrpcMethod<unknown, unknown> };
  });
  const [first] = bound;
  if (first === undefined) throw new Error('a gRPC service without methods');
  return { name: splitPath(first.definition.path).service, methods: bound };
};
