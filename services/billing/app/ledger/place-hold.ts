import { appError } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { type Clock, dayMs, minuteMs } from '#platform/time/index.ts';
import type { Hold } from '../../domain/hold.ts';
import { isProduct, products } from '../../domain/ledger.ts';
import { check, checkAmount, checkKey, checkText, refuseInvalid } from '../checks.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldLedger } from './ports.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { refuseSpending } from './refusals.ts';

export interface PlaceHoldRequest {
  readonly idempotencyKey: string;
  readonly amount: Money;
  readonly product: string;
  readonly reference: string;
  readonly description: string;
  readonly expiresAt: Date | undefined;
  /** Empty: none. Otherwise the quote that this is the price of. */
  readonly quoteId?: string;
}

/** Bounds of a hold's life; a caller whose clock is a little off is not refused for it. */
const shortestLifeMs = minuteMs - 5_000;
const longestLifeMs = 31 * dayMs + minuteMs;

/**
 * Reserves part of the available balance. Repeated with the same key and request, it answers as the first time, even
 * when the hold has been resolved since.
 * @throws billing.insufficient_credit with meta {available, required} · _spending_paused · _budget_exhausted · _quote_invalid ·
 *   _quote_exceeded · request.invalid · request.idempotency_conflict
 */
export const placeHold =
  ({ holds, clock, monitor }: { readonly holds: HoldLedger; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (tenantId: string, request: PlaceHoldRequest): Promise<Hold> => {
    const { idempotencyKey, amount, product, reference, description, expiresAt, quoteId = '' } = request;
    const now = clock.now();
    refuseInvalid(
      checkKey(idempotencyKey),
      checkAmount(amount),
      check(isProduct(product), 'product', `One of ${products.join(', ')}.`),
      check(reference.length > 0, 'reference', 'Say what the hold is for.'),
      checkText(reference, 'reference', 200),
      checkText(description, 'description', 500),
      check(quoteId === '' || isUuid(quoteId), 'quote_id', 'Must be the id of a quote.'),
      expiresAt === undefined ? wrongExpiry : undefined,
    );
    if (!isProduct(product) || expiresAt === undefined) throw appError('request.invalid');
    const result = await holds.place({
      tenantId,
      idempotencyKey,
      // Not the expiry: callers compute it from their clock, and a repetition seconds later is still the same request.
      request: canonicalRequest(
        'place',
        amount.currency,
        amount.micros,
        product,
        reference,
        description,
        ...(quoteId === '' ? [] : [quoteId]),
      ),
      holdId: newId(),
      amount,
      product,
      reference,
      description,
      expiresAt,
      // A repetition may come when little or nothing is left of the hold's life; it is answered all the same.
      expiryAcceptable: isAcceptable(expiresAt, now),
      ...(quoteId !== '' && { quoteId }),
      now,
    });
    switch (result.outcome) {
      case 'done':
        monitor.hold(product, 'placed');
        return result.hold;
      case 'replayed':
        return result.hold;
      case 'idempotency_conflict':
        throw appError('request.idempotency_conflict');
      case 'expiry_refused':
        throw appError('request.invalid', { fields: [wrongExpiry] });
      default:
        monitor.hold(product, 'refused');
        return refuseSpending(result, amount);
    }
  };

const wrongExpiry = { field: 'expires_at', reason: 'At least a minute and at most 31 days ahead.' };

const isAcceptable = (expiresAt: Date, now: Date): boolean => {
  const lifeMs = expiresAt.getTime() - now.getTime();
  return lifeMs >= shortestLifeMs && lifeMs <= longestLifeMs;
};
