/**
 * Pure: no I/O and no framework, so domain and use cases may import it. The gRPC projections stand beside it, in
 * `to-grpc.ts` and `from-grpc.ts`, and are used by `#platform/grpc` only.
 */
export * from './app-error.ts';
export * from './catalogue.ts';
export * from './problem.ts';
