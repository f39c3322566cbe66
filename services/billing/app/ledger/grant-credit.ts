import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { check, checkAmount, checkKey, checkText, refuseInvalid } from '../checks.ts';
import type { Wallets } from './ports.ts';
import { canonicalRequest } from '../canonical-request.ts';

export interface GrantCreditRequest {
  readonly idempotencyKey: string;
  readonly tenantId: string;
  readonly amount: Money;
  readonly reason: string;
}

/**
 * Promotional credit for the principal's tenant, opening its wallet if need be.
 * @returns id of the transfer; the same on repetition
 * @throws request.invalid (also when the request names another tenant than the principal) · request.idempotency_conflict
 */
export const grantCredit =
  ({ wallets, clock }: { readonly wallets: Wallets; readonly clock: Clock }) =>
  async (principalTenantId: string, { idempotencyKey, tenantId, amount, reason }: GrantCreditRequest): Promise<string> => {
    refuseInvalid(
      checkKey(idempotencyKey),
      check(tenantId === '' || tenantId === principalTenantId, 'tenant_id', 'Must be the tenant that the call is made for.'),
      checkAmount(amount),
      check(reason.length > 0, 'reason', 'Say why the credit is given.'),
      checkText(reason, 'reason', 500),
    );
    const result = await wallets.grant({
      tenantId: principalTenantId,
      idempotencyKey,
      request: canonicalRequest('grant', amount.currency, amount.micros, reason),
      transferId: newId(),
      amount,
      reason,
      now: clock.now(),
    });
    if (result.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    return result.transferId;
  };
