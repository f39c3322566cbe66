import type { Clock } from '#platform/time/index.ts';
import type { Adjustment } from '../../domain/adjustment.ts';
import type { AdjustmentTransactions } from './ports.ts';

const batch = 100;

/** Proposals that nobody decided in time. @returns how many */
export const expireAdjustments =
  ({ adjustments, clock }: { readonly adjustments: AdjustmentTransactions; readonly clock: Clock }) =>
  (): Promise<number> =>
    adjustments.run(async (unit) => {
      const now = clock.now();
      const overdue = await unit.overdue(now, batch);
      for (const found of overdue) {
        const expired: Adjustment = { ...found, status: 'expired', decidedAt: now, version: found.version + 1n };
        await unit.decide(expired);
        await unit.record({ kind: 'dropped', adjustment: expired });
      }
      return overdue.length;
    });
