import type { Clock } from '#platform/time/index.ts';
import type { Transactions } from './ports.ts';
import { recordProgress } from './progress.ts';

/** Claims whose process died may have reached the carrier: they become unknown, and are never sent again. @returns how many */
export const parkLostClaims =
  ({ transactions, clock }: { transactions: Transactions; clock: Clock }) =>
  (): Promise<number> =>
    transactions.run(async (unit) => {
      const at = clock.now();
      const transitions = await unit.jobs.parkExpired(at, 1_000);
      await recordProgress(unit, transitions, at);
      return transitions.reduce((sum, { messages }) => sum + messages, 0);
    });
