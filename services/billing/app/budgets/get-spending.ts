import type { Pause, Spending } from './ports.ts';

/** Whether spending is paused, by whom and why; empty: it is not. */
export const getSpending =
  ({ spending }: { readonly spending: Pick<Spending, 'pauses'> }) =>
  (tenantId: string): Promise<readonly Pause[]> =>
    spending.pauses(tenantId);
