import type { BoundService } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import { type Bus, startBatchConsumer } from '#platform/messaging/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { marginService } from './adapters/grpc/margins.ts';
import { providerCostOf } from './adapters/nats/provider-costs.ts';
import { postgresMargins, postgresProviderCosts } from './adapters/postgres/margins/provider-costs.ts';
import { recordProviderCosts } from './app/margins/record-provider-costs.ts';
import { reportMargins } from './app/margins/report-margins.ts';

export interface MarginParts {
  readonly life: Life;
  readonly db: Database;
  readonly bus: Bus;
}

/** Part of the composition root: what providers cost, and what is left. */
export const openMargins = async ({ life, db, bus }: MarginParts): Promise<readonly BoundService[]> => {
  const { logger, metrics } = life;
  await life.own(
    'provider costs',
    startBatchConsumer({
      ...{ db, bus, logger, metrics },
      ...{ durable: 'billing-provider-costs', maxBatch: 256, maxWaitMs: 250 },
      handle: async (tx, received) => {
        const told = received.map(providerCostOf).filter((cost) => cost !== undefined);
        await recordProviderCosts({ costs: postgresProviderCosts(tx) })(told);
      },
    }),
  );
  return [marginService({ report: reportMargins({ margins: postgresMargins(db) }) })];
};
