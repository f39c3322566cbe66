import { randomBytes } from 'node:crypto';
import { grpcClient, type Principal } from '#platform/grpc/index.ts';
import type { RunningService } from '#platform/lifecycle/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase, createTestNats, testPrincipalKey } from '#platform/testing/index.ts';
import { testClock } from '#platform/time/index.ts';
import { ApiKeyServiceClient, AuthInternalServiceClient, AuthServiceClient, MemberServiceClient } from '#proto/namaskah/auth/v1/auth.ts';
import { decodeJwt } from 'jose';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { authConfig } from '../config.ts';
import { start } from '../main.ts';

export const issuer = 'https://sms.example.test';
export const goodPassword = 'correct horse battery staple';

const clientsOf = (service: RunningService) => {
  const options = {
    address: `127.0.0.1:${service.addresses['grpc']}`,
    principalKey: testPrincipalKey,
    caller: 'gateway',
    defaultDeadlineMs: 10_000,
  };
  return {
    auth: grpcClient(AuthServiceClient, options),
    keys: grpcClient(ApiKeyServiceClient, options),
    members: grpcClient(MemberServiceClient, options),
    internal: grpcClient(AuthInternalServiceClient, options),
  };
};

/** The whole service on a real database and broker, on a clock that stands still, with everything it logs. */
export const startTestService = async (replicas = 1) => {
  const [database, nats] = await Promise.all([createTestDatabase('auth', migrations), createTestNats()]);
  const clock = testClock(new Date('2026-03-01T12:00:00Z'));
  const lines: string[] = [];
  const logger = createLogger({ service: 'auth', level: 'trace', destination: { write: (line: string) => void lines.push(line) } });
  const config = authConfig.parse({
    ENVIRONMENT: 'test',
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    PRINCIPAL_KEY: testPrincipalKey,
    PUBLIC_URL: issuer,
    AUTH_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  });
  const services = await Promise.all(
    Array.from({ length: replicas }, () => start(config, { clock, logger, hashing: { maxWaiting: 500 } })),
  );
  const clients = services.map(clientsOf);
  const db = await openDatabase({ url: database.url, applicationName: 'auth-test', poolMax: 2 });
  return {
    clients,
    services,
    clock,
    db,
    databaseUrl: database.url,
    nats,
    logs: () => lines.join('\n'),
    close: async () => {
      for (const { auth, keys, members, internal } of clients)
        await Promise.all([auth, keys, members, internal].map((client) => client.close()));
      await Promise.all(services.map((service) => service.close()));
      await db.close();
      await Promise.all([database.close(), nats.close()]);
    },
  };
};

/** What the gateway makes of an access token. */
export const principalOf = (accessToken: string): Principal => {
  const claims = decodeJwt(accessToken) as Record<string, string>;
  return {
    tenantId: claims['tid']!,
    subject: `user:${claims['sub']}`,
    roles: [claims['role'] as 'owner'],
    scopes: ['*'],
    plan: claims['plan']!,
    sessionId: claims['sid']!,
  };
};
