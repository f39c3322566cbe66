import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { type Clock, dayMs } from '#platform/time/index.ts';
import { check, checkAmount, checkKey, checkText, refuseInvalid } from '../checks.ts';
import { priorities } from '../../domain/credit.ts';
import type { Wallets } from './ports.ts';
import { canonicalRequest } from '../canonical-request.ts';

const longestLifeMs = 3_653 * dayMs;

export interface GrantCreditRequest {
  readonly idempotencyKey: string;
  readonly tenantId: string;
  readonly amount: Money;
  readonly reason: string;
  /** Burnt before credit of a higher number; 0: that of promotional credit. */
  readonly priority?: number;
  readonly expiresAt?: Date | undefined;
}

/**
 * Promotional credit for the principal's tenant, opening its wallet if need be.
 * @returns id of the transfer; the same on repetition
 * @throws request.invalid (also when the request names another tenant than the principal) · request.idempotency_conflict
 */
export const grantCredit =
  ({ wallets, clock }: { readonly wallets: Wallets; readonly clock: Clock }) =>
  async (principalTenantId: string, request: GrantCreditRequest): Promise<string> => {
    const { idempotencyKey, tenantId, amount, reason, expiresAt } = request;
    const priority = request.priority === undefined || request.priority === 0 ? priorities.promotional : request.priority;
    const now = clock.now();
    refuseInvalid(
      checkKey(idempotencyKey),
      check(tenantId === '' || tenantId === principalTenantId, 'tenant_id', 'Must be the tenant that the call is made for.'),
      checkAmount(amount),
      check(reason.length > 0, 'reason', 'Say why the credit is given.'),
      checkText(reason, 'reason', 500),
      check(Number.isInteger(priority) && priority >= priorities.min && priority <= priorities.max, 'priority', 'From 1 to 100.'),
      check(expiresAt === undefined || expiresAt.getTime() - now.getTime() <= longestLifeMs, 'expires_at', 'At most ten years ahead.'),
    );
    const result = await wallets.grant({
      tenantId: principalTenantId,
      idempotencyKey,
      request: canonicalRequest(
        'grant',
        amount.currency,
        amount.micros,
        reason,
        ...(request.priority === undefined && expiresAt === undefined ? [] : [String(priority), expiresAt?.toISOString() ?? '']),
      ),
      transferId: newId(),
      amount,
      reason,
      priority,
      // In the past, too: a repetition may come late, and is answered. What has expired already lapses at once.
      expiresAt,
      now,
    });
    if (result.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    return result.transferId;
  };
