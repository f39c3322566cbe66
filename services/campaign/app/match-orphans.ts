import { addMs, dayMs, minuteMs, type Clock } from '#platform/time/index.ts';
import type { Transactions } from './ports.ts';
import { applyToMessages } from './record-receipts.ts';

const batchSize = 500;
/** A receipt that names no message for this long belongs to somebody else. */
const keepMs = 3 * dayMs;

/** Tries receipts that came too early once more, less and less often. @returns how many were looked at */
export const matchOrphans =
  ({ transactions, clock }: { transactions: Transactions; clock: Clock }) =>
  (): Promise<number> =>
    transactions.run(async (unit) => {
      const at = clock.now();
      await unit.tracking.purgeOrphans(addMs(at, -keepMs), batchSize);
      const orphans = await unit.tracking.dueOrphans(at, batchSize);
      if (orphans.length === 0) return 0;
      const unmatched = new Set(await applyToMessages(unit, orphans, at));
      await unit.tracking.settleOrphans({
        matched: orphans.filter((orphan) => !unmatched.has(orphan)).map(({ id }) => id),
        unmatched: orphans
          .filter((orphan) => unmatched.has(orphan))
          .map(({ id, tries }) => ({ id, retryAt: addMs(at, Math.min(10 * minuteMs, 500 * 2 ** Math.min(tries, 12))) })),
      });
      return orphans.length;
    });
