import { choiceVar, durationVar, integerVar, portVar, secretVar, textVar, urlVar } from './variables.ts';

/** What every process reads. */
export const processConfig = {
  environment: choiceVar('ENVIRONMENT', ['development', 'test', 'production'], { default: 'development' }),
  logLevel: choiceVar('LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { default: 'info' }),
  natsUrl: urlVar('NATS_URL', { description: 'JetStream server', secret: true, protocols: ['nats', 'tls', 'ws', 'wss'] }),
  principalKey: secretVar('PRINCIPAL_KEY', { minLength: 32, description: 'signs the principals that travel between services' }),
  adminHost: textVar('ADMIN_HOST', { default: '127.0.0.1', description: 'metrics and health' }),
  adminPort: portVar('ADMIN_PORT', { default: 0 }),
  shutdownTimeoutMs: durationVar('SHUTDOWN_TIMEOUT_MS', { default: 20_000, min: 100, description: 'for the whole drain' }),
  readinessDelayMs: durationVar('READINESS_DELAY_MS', {
    default: 0,
    max: 60_000,
    description: 'between "not ready" and the drain: lets load balancers notice',
  }),
};

/** What a process with gRPC services reads. The TLS keys are all set or all absent. */
export const grpcConfig = {
  grpcHost: textVar('GRPC_HOST', { default: '127.0.0.1' }),
  grpcPort: portVar('GRPC_PORT', { default: 0 }),
  grpcMaxInFlight: integerVar('GRPC_MAX_IN_FLIGHT', {
    default: 1_000,
    min: 1,
    description: 'more calls at once are refused with platform.overloaded',
  }),
};

/** Mutual TLS between services; optional in development. `grpcTls(config)` turns it into the option of server and client. */
export const grpcTlsConfig = {
  grpcTlsCa: textVar('GRPC_TLS_CA', { optional: true, description: 'path of the CA certificate (PEM)' }),
  grpcTlsCert: textVar('GRPC_TLS_CERT', { optional: true, description: "path of this service's certificate (PEM); SAN = service name" }),
  grpcTlsKey: textVar('GRPC_TLS_KEY', { optional: true, description: 'path of its key (PEM)' }),
  grpcTlsCallers: textVar('GRPC_TLS_CALLERS', {
    optional: true,
    description: 'who may call: "namaskah.billing.v1.LedgerService=verification,campaign;*=gateway"',
  }),
};

export const databaseConfig = {
  databaseUrl: urlVar('DATABASE_URL', {
    secret: true,
    description: 'PostgreSQL, with the login role of this service',
    protocols: ['postgres', 'postgresql'],
  }),
  databasePoolMax: integerVar('DATABASE_POOL_MAX', { default: 10, min: 1, max: 1_000 }),
  statementTimeoutMs: durationVar('STATEMENT_TIMEOUT_MS', { default: 5_000, min: 1 }),
};
