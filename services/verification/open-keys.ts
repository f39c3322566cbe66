/** Part of the composition root: keys of tenants. */
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { KeyStore } from '#platform/sealing/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { openSealer, type OpenedSealer } from './adapters/crypto/sealer.ts';
import { postgresKeys } from './adapters/postgres/keys/store.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import type { Sealer } from './app/ports.ts';
import type { VerificationConfig } from './config.ts';

/** There is nothing to do but after the configured key has changed; a full batch is followed by the next at once. */
const tickMs = 600_000;
const limit = 200;

/** @throws when a key is wrapped by one that is not configured */
export const keysOf = (
  config: Pick<VerificationConfig, 'encryptionKey' | 'encryptionKeysPrevious'>,
  store: KeyStore,
  now: () => Date,
): Promise<OpenedSealer> => {
  const [key = '', ...previous] = [config.encryptionKey, ...(config.encryptionKeysPrevious?.split(',') ?? [])];
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
  return openSealer({ key: bytes(key), previous: previous.map(bytes), store, now });
};

/** The sealer, and beside it the worker that wraps keys anew after the configured one has changed. @throws as keysOf */
export const openKeys = async (life: Life, config: VerificationConfig, db: Database, clock: Clock): Promise<Sealer> => {
  const { logger } = life;
  const { sealer, keys } = await keysOf(config, postgresKeys(db), () => clock.now());
  const work = async (): Promise<number> => {
    const done = await keys.rewrap(limit);
    if (done > 0) logger.info({ done }, 'data keys were wrapped by the new key');
    return done;
  };
  const houseKeep = async (): Promise<void> => {};
  const pace = { tickMs, houseKeepMs: Number.POSITIVE_INFINITY, limit, leaseMs: tickMs };
  await life.own('data keys', startScheduler({ work, houseKeep, logger, ...pace }));
  return sealer;
};
