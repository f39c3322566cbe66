import type { Clock } from '#platform/time/index.ts';
import type { HoldSettlement } from './ports.ts';

/** Nothing was delivered on a hold: give it back. One that is resolved already stays as it is. @returns false when there is no such hold */
export const giveBackHold =
  ({ holds, clock }: { readonly holds: HoldSettlement; readonly clock: Clock }) =>
  (tenantId: string, holdId: string): Promise<boolean> =>
    holds.giveBack({ tenantId, holdId, now: clock.now() });
