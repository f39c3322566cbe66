import { appError } from '#platform/errors/index.ts';
import { formatDecimal, type Money } from '#platform/money/index.ts';
import type { Insufficient, QuoteRefused, SpendingRefused } from './ports.ts';

const codes = {
  spending_paused: 'billing.spending_paused',
  budget_exhausted: 'billing.budget_exhausted',
  quote_invalid: 'billing.quote_invalid',
  quote_exceeded: 'billing.quote_exceeded',
} as const;

/** @throws the error that a refusal to spend `amount` stands for */
export const refuseSpending = (refusal: Insufficient | SpendingRefused | QuoteRefused, amount: Money): never => {
  if (refusal.outcome !== 'insufficient_credit') throw appError(codes[refusal.outcome]);
  throw appError('billing.insufficient_credit', {
    meta: { available: formatDecimal(refusal.availableMicros), required: formatDecimal(amount.micros) },
  });
};
