import type { Clock } from '#platform/time/index.ts';
import type { Pause, PauseSource, Spending } from './ports.ts';

/** Lifts this source's pause; the other's stays. @returns what is left of them */
export const resumeSpending =
  ({ spending, clock }: { readonly spending: Spending; readonly clock: Clock }) =>
  async (tenantId: string, { source, by }: { readonly source: PauseSource; readonly by: string }): Promise<readonly Pause[]> => {
    await spending.resume(tenantId, source, by, clock.now());
    return spending.pauses(tenantId);
  };
