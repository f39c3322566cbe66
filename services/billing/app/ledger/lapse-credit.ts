import type { Clock } from '#platform/time/index.ts';
import type { BillingMonitor } from '../ports.ts';
import type { CreditSweep, LapsePage } from './ports.ts';

const pageSize = 100;
/** Bounds one run, so that a long backlog does not keep a stopping process. */
const maxPages = 50;

/**
 * Takes credit whose time has come out of the wallets, as transfers to breakage. Nothing expired is spent before either: a
 * reservation looks first. Safe beside other replicas. @returns how many wallets lost credit
 */
export const lapseCredit =
  ({ credits, clock, monitor }: { readonly credits: CreditSweep; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (): Promise<number> => {
    const now = clock.now();
    let total = 0;
    let after: LapsePage['next'];
    for (let page = 0; page < maxPages; page++) {
      const { lapsed, next } = await credits.lapseDue(now, after, pageSize);
      total += lapsed;
      after = next;
      if (next === undefined) break;
    }
    if (total > 0) monitor.creditLapsed(total);
    return total;
  };
