import { appError } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { type Clock, dayMs, minuteMs } from '#platform/time/index.ts';
import type { Hold } from '../../domain/hold.ts';
import { isProduct, products } from '../../domain/ledger.ts';
import { check, checkActor, checkKey, checkReserved, checkText, refuseInvalid } from '../checks.ts';
import type { BillingMonitor } from '../ports.ts';
import type { HoldLedger } from './ports.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { refuseSpending } from './refusals.ts';
import { resolvedHold } from './resolved.ts';

export interface PlaceHoldRequest {
  readonly idempotencyKey: string;
  readonly amount: Money;
  readonly product: string;
  readonly reference: string;
  readonly description: string;
  readonly expiresAt: Date | undefined;
  /** Empty: none. Otherwise the quote that this is the price of. */
  readonly quoteId?: string;
  /** Empty: the wallet's free balance. Otherwise the open hold that this one becomes a part of. */
  readonly fromHoldId?: string;
  /** Who asked for it; empty: nobody in particular. */
  readonly actor?: string;
}

/** Bounds of a hold's life; a caller whose clock is a little off is not refused for it. */
const shortestLifeMs = minuteMs - 5_000;
const longestLifeMs = 31 * dayMs + minuteMs;

/**
 * Reserves part of the available balance, or takes a part of an open hold for a hold of its own. Repeated with the same key and request, it answers as the first time, even
 * when the hold has been resolved since.
 * @throws billing.insufficient_credit with meta {available, required} · _spending_paused · _budget_exhausted with meta {budgetId, product, available, required, resetsAt} · _quote_invalid ·
 *   _quote_exceeded · _capture_exceeds_hold and _hold_captured, _released, _expired about the hold that it is taken from · request.invalid · request.idempotency_conflict
 */
export const placeHold =
  ({ holds, clock, monitor }: { readonly holds: HoldLedger; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (tenantId: string, request: PlaceHoldRequest): Promise<Hold> => {
    const { idempotencyKey, amount, product, reference, description, expiresAt, quoteId = '', fromHoldId = '', actor = '' } = request;
    const now = clock.now();
    refuseInvalid(
      checkKey(idempotencyKey),
      checkReserved(amount, quoteId),
      check(isProduct(product), 'product', `One of ${products.join(', ')}.`),
      check(reference.length > 0, 'reference', 'Say what the hold is for.'),
      checkText(reference, 'reference', 200),
      checkText(description, 'description', 500),
      checkActor(actor),
      check(quoteId === '' || isUuid(quoteId), 'quote_id', 'Must be the id of a quote.'),
      check(fromHoldId === '' || isUuid(fromHoldId), 'from_hold_id', 'Must be the id of a hold.'),
      expiresAt === undefined ? wrongExpiry : undefined,
    );
    if (!isProduct(product) || expiresAt === undefined) throw appError('request.invalid');
    const command = {
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
        ...(fromHoldId === '' ? [] : ['from', fromHoldId]),
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
      ...(actor !== '' && { actor }),
      now,
    };
    const result = await (fromHoldId === '' ? holds.place(command) : holds.carve({ ...command, fromHoldId }));
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
      case 'not_found':
      case 'hold_captured':
      case 'hold_released':
      case 'hold_expired':
      case 'capture_exceeds_hold':
        return resolvedHold({ outcome: result.outcome });
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
