import type { Clock } from '#platform/time/index.ts';
import type { Hold } from '../../domain/hold.ts';
import { checkKey, refuseInvalid, requireId } from '../checks.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldLedger } from './ports.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { resolvedHold } from './resolved.ts';

/**
 * Gives back what is left of a hold. Increments captured before stay captured.
 * @throws billing.hold_captured · _released · _expired · request.not_found · request.idempotency_conflict
 */
export const releaseHold =
  ({ holds, clock, monitor }: { readonly holds: HoldLedger; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (tenantId: string, { idempotencyKey, holdId }: { readonly idempotencyKey: string; readonly holdId: string }): Promise<Hold> => {
    requireId(holdId);
    refuseInvalid(checkKey(idempotencyKey));
    const result = await holds.release({
      tenantId,
      idempotencyKey,
      request: canonicalRequest('release', holdId),
      holdId,
      now: clock.now(),
    });
    if (result.outcome === 'done') monitor.hold(result.hold.product, 'released');
    return resolvedHold(result);
  };
