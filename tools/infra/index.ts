export { freePort, listenSomewhere } from './child.ts';
export { ensureNatsServer, startNats, type NatsOptions, type RunningNats } from './nats.ts';
export { ensureDatabase, startPostgres, type PostgresOptions, type RunningPostgres, type ServiceDatabase } from './postgres.ts';
export { startTestInfra, type InfraKind, type TestInfra } from './test-infra.ts';
