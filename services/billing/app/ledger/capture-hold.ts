import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Hold } from '../../domain/hold.ts';
import { checkAmount, checkKey, refuseInvalid, requireId } from '../checks.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldLedger } from './ports.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { resolvedHold } from './resolved.ts';

export interface CaptureHoldRequest {
  readonly idempotencyKey: string;
  readonly holdId: string;
  readonly amount: Money;
  readonly final: boolean;
}

/**
 * Takes money from a hold: whole, part, or one of several increments; `final` gives the rest back.
 * @throws billing.hold_captured · _released · _expired · billing.capture_exceeds_hold · request.not_found · request.idempotency_conflict
 */
export const captureHold =
  ({ holds, clock, monitor }: { readonly holds: HoldLedger; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (tenantId: string, { idempotencyKey, holdId, amount, final }: CaptureHoldRequest): Promise<Hold> => {
    requireId(holdId);
    refuseInvalid(checkKey(idempotencyKey), checkAmount(amount));
    const result = await holds.capture({
      tenantId,
      idempotencyKey,
      request: canonicalRequest('capture', holdId, amount.currency, amount.micros, final),
      holdId,
      amount,
      final,
      now: clock.now(),
    });
    if (result.outcome === 'done') monitor.hold(result.hold.product, 'captured');
    return resolvedHold(result);
  };
