import type { Clock } from '#platform/time/index.ts';
import type { Transition } from '../domain/campaign.ts';
import { applyReceipts, idCandidates, type Receipt } from '../domain/receipt.ts';
import type { Transactions, Unit } from './ports.ts';
import { recordProgress } from './progress.ts';

/** Applies receipts to the messages they name. @returns those that name no message that is known yet */
export const applyToMessages = async (unit: Unit, receipts: readonly Receipt[], at: Date): Promise<readonly Receipt[]> => {
  const candidates = [...new Set(receipts.flatMap(({ messageId }) => idCandidates(messageId)))];
  const { parts, jobs } = await unit.tracking.lock(candidates);
  const result = applyReceipts(receipts, parts, jobs);
  if (result.parts.length > 0) await unit.tracking.save(result, at);
  const transitions = result.jobs.flatMap(({ before, after }): Transition[] =>
    before.campaignId === undefined || before.state === after.state
      ? []
      : [{ campaignId: before.campaignId, from: before.state, to: after.state, messages: 1, acceptedSegments: 0, chargeMicros: 0n }],
  );
  await recordProgress(unit, transitions, at);
  return result.unmatched;
};

/**
 * Stores a batch of receipts. One that comes before the answer to its submit is stored waits as an orphan. The carrier
 * is answered only after this has returned.
 */
export const recordReceipts =
  ({ transactions, clock }: { transactions: Transactions; clock: Clock }) =>
  (receipts: readonly Receipt[]): Promise<void> =>
    transactions.run(async (unit) => {
      const at = clock.now();
      const unmatched = await applyToMessages(unit, receipts, at);
      if (unmatched.length > 0) await unit.tracking.keepOrphans(unmatched, at);
    });
