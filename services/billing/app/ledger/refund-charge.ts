import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkAmount, checkKey, checkText, refuseInvalid, requireId } from '../checks.ts';
import type { Wallets } from './ports.ts';

export interface RefundChargeRequest {
  readonly idempotencyKey: string;
  readonly transferId: string;
  readonly amount: Money;
  readonly reason: string;
  /** What it is found by; absent: the charge's own id. */
  readonly reference?: string;
}

/**
 * Gives a charge back to the wallet, whole or in parts, to the grants that it came from: promotional credit stays promotional.
 * @returns id of the transfer; the same on repetition
 * @throws request.not_found · billing.refund_exceeds_charge · request.invalid · request.idempotency_conflict
 */
export const refundCharge =
  ({ wallets, clock }: { readonly wallets: Wallets; readonly clock: Clock }) =>
  async (
    tenantId: string,
    { idempotencyKey, transferId, amount, reason, reference = transferId }: RefundChargeRequest,
  ): Promise<string> => {
    requireId(transferId);
    refuseInvalid(
      checkKey(idempotencyKey),
      checkAmount(amount),
      check(reason.length > 0, 'reason', 'Say why it is given back.'),
      checkText(reason, 'reason', 500),
    );
    const result = await wallets.refund({
      tenantId,
      idempotencyKey,
      request: canonicalRequest('refund', transferId, amount.currency, amount.micros, reason),
      transferId: newId(),
      reverses: transferId,
      amount,
      description: reason,
      reference,
      now: clock.now(),
    });
    switch (result.outcome) {
      case 'done':
      case 'replayed':
        return result.transferId;
      case 'not_found':
        throw appError('request.not_found');
      case 'exceeds':
        throw appError('billing.refund_exceeds_charge');
      case 'idempotency_conflict':
        throw appError('request.idempotency_conflict');
    }
  };
