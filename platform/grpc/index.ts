/**
 * gRPC between services. A server is a list of services, a service a table of methods, a method a policy and a function;
 * a client is an object with a promise per method. Principals, deadlines, traces, errors, retries, health and reflection
 * are the same everywhere and cannot be forgotten.
 */
export { errorDetailOf, errorOfDetail } from '#platform/errors/grpc-details.ts';
export { grpcClient } from './client.ts';
export type { ClientClass, ClientOf, GrpcCallOptions, GrpcCallOptions as CallOptions, GrpcClient, GrpcClientOptions } from './client.ts';
export { grpcService, method, streamMethod } from './definition.ts';
export type { BoundService, CallContext, GrpcMethod, GrpcStream } from './definition.ts';
export { allow, allowAny, publicMethod } from './policy.ts';
export type { AccessPolicy, AllowOptions, Policy, PublicPolicy } from './policy.ts';
export { principalSigner, systemPrincipal } from './principal.ts';
export type { Principal, PrincipalSigner, PrincipalVerifier, Role, VerifiedPrincipal } from './principal.ts';
export { startGrpcServer } from './server.ts';
export type { GrpcServer, GrpcServerOptions } from './server.ts';
export { requireStorable } from './storable.ts';
export { grpcTls } from './tls.ts';
export type { ClientTls, ServerTls, TlsFiles } from './tls.ts';
