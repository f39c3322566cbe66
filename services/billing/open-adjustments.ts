import type { BoundService } from '#platform/grpc/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { adjustmentService } from './adapters/grpc/adjustments.ts';
import { postgresAdjustments } from './adapters/postgres/adjustments/adjustments.ts';
import { decideAdjustment } from './app/adjustments/decide-adjustment.ts';
import { expireAdjustments } from './app/adjustments/expire-adjustments.ts';
import { getAdjustment } from './app/adjustments/get-adjustment.ts';
import { listAdjustments } from './app/adjustments/list-adjustments.ts';
import { proposeAdjustment } from './app/adjustments/propose-adjustment.ts';
import type { BillingConfig } from './config.ts';
import type { StartWorker } from './open-ledger.ts';

/** "USD:100.00,EUR:90.00" @throws when it cannot be read: a limit that is not understood must not become none */
const parseLimits = (text: string): Readonly<Record<string, bigint>> =>
  Object.fromEntries(
    text.split(',').map((part) => {
      const [currency = '', amount = ''] = part.trim().split(':');
      const micros = parseDecimal(amount);
      if (!/^[A-Z]{3}$/.test(currency) || micros === undefined || micros < 0n)
        throw new Error(`ADJUSTMENT_APPROVAL_LIMIT: "${part}" is not like "USD:100.00"`);
      return [currency, micros];
    }),
  );

export interface AdjustmentParts {
  readonly config: Pick<BillingConfig, 'adjustmentApprovalLimit' | 'adjustmentLifetimeMs' | 'adjustmentSweepIntervalMs'>;
  readonly db: Database;
  readonly clock: Clock;
  readonly worker: StartWorker;
}

/** Part of the composition root: what operators do to wallets by hand. */
export const openAdjustments = async ({ config, db, clock, worker }: AdjustmentParts): Promise<readonly BoundService[]> => {
  const adjustments = postgresAdjustments(db);
  const policy = { limitMicros: parseLimits(config.adjustmentApprovalLimit), lifetimeMs: config.adjustmentLifetimeMs };
  await worker('adjustment sweeper', config.adjustmentSweepIntervalMs, expireAdjustments({ adjustments, clock }));
  return [
    adjustmentService({
      proposeAdjustment: proposeAdjustment({ adjustments, clock, policy }),
      decideAdjustment: decideAdjustment({ adjustments, clock }),
      getAdjustment: getAdjustment({ reader: adjustments }),
      listAdjustments: listAdjustments({ reader: adjustments }),
    }),
  ];
};
