import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { checkText, refuseInvalid } from '../checks.ts';
import type { Pause, PauseSource, Spending } from './ports.ts';

export interface PauseRequest {
  readonly source: PauseSource;
  readonly by: string;
  readonly reason: string;
}

/** Once this has returned, nothing more is reserved for the tenant; what is reserved can still be captured or given back. @throws request.invalid · request.not_found */
export const pauseSpending =
  ({ spending, clock }: { readonly spending: Spending; readonly clock: Clock }) =>
  async (tenantId: string, { source, by, reason }: PauseRequest): Promise<readonly Pause[]> => {
    refuseInvalid(checkText(reason, 'reason', 200));
    if (!(await spending.pause(tenantId, { source, by, reason, at: clock.now() }))) throw appError('request.not_found');
    return spending.pauses(tenantId);
  };
