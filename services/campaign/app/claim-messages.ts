import { addMs, minuteMs, type Clock } from '#platform/time/index.ts';
import type { ClaimedJob, Transactions } from './ports.ts';
import { recordProgress } from './progress.ts';

/** A claim without an answer for this long belongs to a process that died. Longer than any submit can take. */
export const claimLeaseMs = 2 * minuteMs;

/**
 * Takes the next messages that may leave. Every gate is part of the claiming statement, and the claim is committed
 * before anything is written to the network: a message is submitted at most once per claim.
 */
export const claimMessages =
  ({ transactions, clock }: { transactions: Transactions; clock: Clock }) =>
  (limit: number): Promise<readonly ClaimedJob[]> =>
    transactions.run(async (unit) => {
      const now = clock.now();
      const jobs = await unit.jobs.claim({ now, leaseUntil: addMs(now, claimLeaseMs), limit });
      const stopped = jobs.flatMap(({ state, campaignId }) =>
        state === 'suppressed' && campaignId !== undefined
          ? [{ campaignId, from: 'planned', to: 'suppressed', messages: 1, acceptedSegments: 0, chargeMicros: 0n } as const]
          : [],
      );
      await recordProgress(unit, stopped, now);
      return jobs.filter(({ state }) => state === 'claimed');
    });
