/**
 * gRPC server of a service.
 *
 * Every call: capacity → trace → deadline → signed principal → policy → handler → catalogue error → metrics (call.ts).
 * Beside the services stand `grpc.health.v1` (per service and "") and reflection, both without a principal, and lanes, over which our own
 * clients send their unary calls (lanes/).
 *
 * Stop: `stopping()` answers NOT_SERVING and keeps serving; `close()` sends GOAWAY, finishes what is in flight, refuses
 * nothing that has arrived, and cuts what is left after `closeTimeoutMs`. Clients move transparently.
 */
import { Server, type ServerOptions } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Logger } from '#platform/logging/index.ts';
import { installPropagation, type Metrics } from '#platform/telemetry/index.ts';
import { type CallEnvironment, streamHandler, unaryHandler } from './call.ts';
import type { BoundService } from './definition.ts';
import { principalVerifier } from './principal.ts';
import { addReflection } from './reflection.ts';
import { addLanes } from './lanes/server-lanes.ts';
import { type CallerCheck, callerCheck, callerInterceptor, serverCredentials, type ServerTls } from './tls.ts';

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly principalKey: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly services: readonly BoundService[];
  /** More calls at once are refused with platform.overloaded. */
  readonly maxInFlight?: number;
  readonly closeTimeoutMs?: number;
  /** Connections are renewed after this time, so that clients find new replicas. */
  readonly maxConnectionAgeMs?: number;
  readonly tls?: ServerTls | undefined;
}

export interface GrpcServer {
  readonly port: number;
  stopping(): void;
  close(): Promise<void>;
}

const idleBeforeCutMs = 500;
const pollMs = 20;

const serverOptions = (options: GrpcServerOptions, mayCall: CallerCheck | undefined): ServerOptions => ({
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_age_ms': options.maxConnectionAgeMs ?? 600_000,
  'grpc.max_connection_age_grace_ms': 30_000,
  ...(mayCall === undefined ? {} : { interceptors: [callerInterceptor(mayCall)] }),
});

const addServices = (server: Server, services: readonly BoundService[], environment: CallEnvironment): void => {
  for (const { methods } of services) {
    server.addService(
      Object.fromEntries(methods.map(({ name, definition }) => [name, definition])) as never,
      Object.fromEntries(
        methods.map((bound) => [bound.name, (bound.definition.responseStream ? streamHandler : unaryHandler)(bound, environment) as never]),
      ),
    );
  }
};

const listen = (server: Server, options: GrpcServerOptions): Promise<number> =>
  new Promise((resolve, reject) => {
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    server.bindAsync(`${host}:${options.port}`, serverCredentials(options.tls), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });

/** Resolves when every connection is gone, or when nothing has been in flight for a while (only watchers are left), or by time-out. */
const drain = async (server: Server, load: { readonly inFlight: number }, timeoutMs: number, logger: Logger): Promise<void> => {
  const startedAt = performance.now();
  let busyAt = startedAt;
  let done = false;
  server.tryShutdown(() => {
    done = true;
  });
  while (!done) {
    const now = performance.now();
    if (load.inFlight > 0) busyAt = now;
    if (now - busyAt > idleBeforeCutMs) break;
    if (now - startedAt > timeoutMs) {
      logger.warn({ inFlight: load.inFlight }, 'calls are cut off: they did not end in time');
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  if (!done) server.forceShutdown();
};

/** @throws when the address is taken, a certificate cannot be read, or a service is listed twice */
export const startGrpcServer = async (options: GrpcServerOptions): Promise<GrpcServer> => {
  installPropagation();
  const { services, logger, metrics, closeTimeoutMs = 10_000 } = options;
  const load = { inFlight: 0 };
  const callers = options.tls?.callers;
  const own = services.map(({ name }) => name);
  const mayCall = callers === undefined ? undefined : callerCheck(callers, own);
  const server = new Server(serverOptions(options, mayCall));
  const environment = {
    logger,
    metrics,
    verifier: principalVerifier(options.principalKey),
    maxInFlight: options.maxInFlight ?? 1_000,
    load,
  };
  addServices(server, services, environment);
  const lanes = addLanes(server, services, environment, mayCall);

  const names = ['', ...own];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  addReflection(server, own);

  const port = await listen(server, options);
  const stopping = (): void => names.forEach((name) => health.setStatus(name, 'NOT_SERVING'));
  let closing: Promise<void> | undefined;
  return {
    port,
    stopping,
    close: () => {
      if (closing === undefined) {
        stopping();
        lanes.leave();
      }
      return (closing ??= drain(server, load, closeTimeoutMs, logger));
    },
  };
};
