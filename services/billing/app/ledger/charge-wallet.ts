import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { isProduct, products } from '../../domain/ledger.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkActor, checkAmount, checkKey, checkText, refuseInvalid } from '../checks.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldLedger } from './ports.ts';
import { refuseSpending } from './refusals.ts';

export interface ChargeWalletRequest {
  readonly idempotencyKey: string;
  readonly amount: Money;
  readonly product: string;
  readonly reference: string;
  readonly description: string;
  /** Who asked for it; empty: nobody in particular. */
  readonly actor?: string;
}

/**
 * Takes money from the wallet at once, without a hold.
 * @returns id of the transfer; the same on repetition
 * @throws billing.insufficient_credit · _spending_paused · _budget_exhausted · request.invalid · request.idempotency_conflict
 */
export const chargeWallet =
  ({ holds, clock, monitor }: { readonly holds: HoldLedger; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (
    tenantId: string,
    { idempotencyKey, amount, product, reference, description, actor = '' }: ChargeWalletRequest,
  ): Promise<string> => {
    refuseInvalid(
      checkKey(idempotencyKey),
      checkAmount(amount),
      check(isProduct(product), 'product', `One of ${products.join(', ')}.`),
      check(reference.length > 0, 'reference', 'Say what the charge is for.'),
      checkText(reference, 'reference', 200),
      checkText(description, 'description', 500),
      checkActor(actor),
    );
    if (!isProduct(product)) throw appError('request.invalid');
    const result = await holds.charge({
      tenantId,
      idempotencyKey,
      request: canonicalRequest('charge', amount.currency, amount.micros, product, reference, description),
      transferId: newId(),
      amount,
      product,
      reference,
      description,
      ...(actor !== '' && { actor }),
      now: clock.now(),
    });
    if ('transferId' in result) return result.transferId;
    if (result.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    monitor.hold(product, 'refused');
    return refuseSpending(result, amount);
  };
