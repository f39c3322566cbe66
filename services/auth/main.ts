/** Composition root: tenants, people, sessions, API keys. */
import { generateApiKey, parseApiKey } from '#platform/apikey/index.ts';
import { grpcTls, startGrpcServer } from '#platform/grpc/index.ts';
import { runMain, startService, type Closable, type RunningService } from '#platform/lifecycle/index.ts';
import type { Logger } from '#platform/logging/index.ts';
import { openBus, startConsumer, startRelay } from '#platform/messaging/index.ts';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { minuteMs, secondMs, systemClock, type Clock } from '#platform/time/index.ts';
import { createPasswordHasher, type PasswordHasherOptions } from './adapters/argon2/password-hasher.ts';
import { readMasterKey } from './adapters/crypto/derived-key.ts';
import { createRefreshTokens } from './adapters/crypto/refresh-tokens.ts';
import { createVault } from './adapters/crypto/vault.ts';
import { authServices } from './adapters/grpc/services.ts';
import { createAccessTokens, signingKeyFactory, type AccessTokenSigner } from './adapters/jose/access-tokens.ts';
import { billingHandlers } from './adapters/nats/handlers.ts';
import { loadBreachedPasswords } from './adapters/passwords/breached-passwords.ts';
import { createAccounts } from './adapters/postgres/accounts.ts';
import { createApiKeyUsage } from './adapters/postgres/api-key-usage.ts';
import { createApiKeys } from './adapters/postgres/api-keys.ts';
import { createHousekeeping } from './adapters/postgres/housekeeping.ts';
import { createMembers } from './adapters/postgres/members.ts';
import { entities } from './adapters/postgres/rows.ts';
import { createSessions } from './adapters/postgres/sessions.ts';
import { createSigningKeys } from './adapters/postgres/signing-keys.ts';
import { createThrottle } from './adapters/postgres/throttle.ts';
import { createTransactions, unitOfWork } from './adapters/postgres/transactions.ts';
import { every } from './adapters/schedule/every.ts';
import { followPlan } from './app/follow-plan.ts';
import { keepSigningKeys, type KeepSigningKeysDeps } from './app/keep-signing-keys.ts';
import { sweep } from './app/sweep.ts';
import { createUseCases } from './app/use-cases.ts';
import { authConfig, type AuthConfig } from './config.ts';

const signingKeyRefreshMs = 5 * minuteMs;

export interface StartOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly hashing?: PasswordHasherOptions;
}

const postgresAdapters = (db: Database, logger: Logger) => ({
  accounts: createAccounts(db),
  sessions: createSessions(db),
  apiKeys: createApiKeys(db),
  members: createMembers(db),
  transactions: createTransactions(db),
  throttle: createThrottle(db),
  usage: createApiKeyUsage(db, logger),
});

/** A database that is away at the start delays sign-ins, not the start: keys are tried for until there are some, then kept fresh. */
const followSigningKeys = async ({
  accessTokens,
  logger,
  ...deps
}: Omit<KeepSigningKeysDeps, 'factory'> & { accessTokens: AccessTokenSigner; logger: Logger }): Promise<Closable> => {
  const keepKeys = keepSigningKeys({ ...deps, factory: signingKeyFactory });
  let loadedAtMs = -Infinity;
  const load = async (): Promise<void> => {
    if (performance.now() - loadedAtMs < signingKeyRefreshMs) return;
    await accessTokens.load(await keepKeys());
    loadedAtMs = performance.now();
  };
  await load().catch((error: unknown) => logger.warn({ err: error }, 'no signing keys yet; will be tried again'));
  return every(secondMs, 'signing-keys', logger, load);
};

export const start = (config: AuthConfig, options: StartOptions = {}): Promise<RunningService> =>
  startService(
    'auth',
    config,
    async (life) => {
      const { logger, metrics } = life;
      const clock = options.clock ?? systemClock;
      const masterKey = readMasterKey(config.encryptionKey);
      const vault = createVault(masterKey);
      const passwords = await createPasswordHasher(options.hashing);

      const db = await life.own(
        'postgres',
        openDatabase({
          url: config.databaseUrl,
          applicationName: 'auth',
          poolMax: config.databasePoolMax,
          statementTimeoutMs: config.statementTimeoutMs,
          entities,
          logger,
        }),
      );
      life.readiness('postgres', () => db.ping());
      const bus = await life.own('nats', openBus({ url: config.natsUrl, name: 'auth', logger }));
      life.readiness('nats', () => bus.ping());
      await life.own('relay', startRelay({ db, bus, logger, metrics }));

      const stores = postgresAdapters(db, logger);
      const accessTokens = createAccessTokens({ issuer: config.publicUrl, vault });
      await life.own('signing-keys', await followSigningKeys({ accessTokens, signingKeys: createSigningKeys(db), vault, clock, logger }));
      life.readiness('signing-keys', async () => {
        if (!accessTokens.isLoaded()) throw new Error('no signing key yet');
      });
      await life.own(
        'sweep',
        every(10 * minuteMs, 'sweep', logger, sweep({ sessions: stores.sessions, housekeeping: createHousekeeping(db), clock })),
      );
      await life.own('last-use', { close: () => stores.usage.flush() });
      await life.own(
        'last-use-timer',
        every(minuteMs, 'last-use', logger, () => stores.usage.flush()),
      );

      const app = createUseCases({
        ...stores,
        passwords,
        breached: loadBreachedPasswords(),
        vault,
        refreshTokens: createRefreshTokens(masterKey),
        accessTokens,
        generate: (random) => {
          const key = generateApiKey('live', random);
          const prefix = parseApiKey(key)?.prefix ?? '';
          return { key, prefix, mode: 'live' };
        },
        hasKeyForm: (text) => parseApiKey(text) !== undefined,
        clock,
      });
      await life.own(
        'billing events',
        startConsumer({ db, bus, logger, metrics, durable: 'auth-billing', handlers: billingHandlers((tx) => followPlan(unitOfWork(tx))) }),
      );
      const grpc = await life.own(
        'grpc',
        startGrpcServer({
          host: config.grpcHost,
          port: config.grpcPort,
          principalKey: config.principalKey,
          logger,
          metrics,
          maxInFlight: config.grpcMaxInFlight,
          services: authServices(app, metrics),
          tls: grpcTls(config),
        }),
      );
      life.address('grpc', grpc.port);
    },
    options.logger === undefined ? {} : { logger: options.logger },
  );

if (import.meta.main) await runMain(() => start(authConfig.parse(process.env)));
