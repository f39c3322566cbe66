import type { Life } from '#platform/lifecycle/index.ts';
import { type Bus, startConsumer } from '#platform/messaging/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { planHandlers } from './adapters/nats/plans.ts';
import { postgresTexts } from './adapters/postgres/retention/texts.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import type { Ports } from './app/ports.ts';
import { purgeTexts } from './app/retention/purge-texts.ts';

/** Days are counted, so once in ten minutes is often enough. */
const tickMs = 600_000;

export interface RetentionParts {
  readonly life: Life;
  readonly db: Database;
  readonly bus: Bus;
  readonly ports: Pick<Ports, 'policies' | 'clock'>;
}

/** Part of the composition root: texts and codes go when the plan of their tenant keeps them no longer. */
export const openRetention = async ({ life, db, bus, ports: { policies, clock } }: RetentionParts): Promise<void> => {
  const { logger, metrics } = life;
  const texts = postgresTexts(db);
  await life.own('tenant plans', startConsumer({ db, bus, durable: 'verification-plan', logger, metrics, handlers: planHandlers(texts) }));
  const purge = purgeTexts({ texts, policies, clock });
  const work = async (): Promise<number> => {
    const gone = await purge();
    if (gone > 0) logger.info({ gone }, 'texts deleted that their plan keeps no longer');
    return 0;
  };
  const houseKeep = async (): Promise<void> => {};
  await life.own('retention', startScheduler({ work, houseKeep, logger, tickMs, houseKeepMs: tickMs, limit: 1, leaseMs: tickMs }));
};
