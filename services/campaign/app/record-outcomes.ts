import type { Clock } from '#platform/time/index.ts';
import type { SettledJob, Transactions } from './ports.ts';
import { recordProgress } from './progress.ts';

/**
 * Stores what became of a batch of messages: states, message ids, counts, charge and event in one transaction. Of two
 * answers to one message (time-out, then the real one) the later counts.
 */
export const recordOutcomes =
  ({ transactions, clock }: { transactions: Transactions; clock: Clock }) =>
  (answers: readonly SettledJob[]): Promise<void> =>
    transactions.run(async (unit) => {
      const at = clock.now();
      const latest = [...new Map(answers.map((answer) => [answer.id, answer])).values()];
      await recordProgress(unit, await unit.jobs.settle(latest, at), at);
    });
