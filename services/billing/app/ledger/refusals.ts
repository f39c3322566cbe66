import { appError } from '#platform/errors/index.ts';
import { formatDecimal, type Money } from '#platform/money/index.ts';
import type { ExhaustedBudget, Insufficient, QuoteRefused, SpendingRefused } from './ports.ts';

const codes = {
  spending_paused: 'billing.spending_paused',
  quote_invalid: 'billing.quote_invalid',
  quote_exceeded: 'billing.quote_exceeded',
} as const;

const exhausted = ({ id, name, product, availableMicros, resetsAt }: ExhaustedBudget, required: Money): Error => {
  const resets = resetsAt.toISOString();
  return appError('billing.budget_exhausted', {
    message: `The budget "${name}"${product === undefined ? '' : ` for ${product}`} has ${formatDecimal(availableMicros)} left; it begins anew at ${resets}.`,
    meta: {
      ...{ budgetId: id, budget: name, product: product ?? '' },
      ...{ available: formatDecimal(availableMicros), required: formatDecimal(required.micros), resetsAt: resets },
    },
  });
};

/** @throws the error that a refusal to spend `amount` stands for */
export const refuseSpending = (refusal: Insufficient | SpendingRefused | QuoteRefused, amount: Money): never => {
  if (refusal.outcome === 'budget_exhausted') throw exhausted(refusal.budget, amount);
  if (refusal.outcome !== 'insufficient_credit') throw appError(codes[refusal.outcome]);
  throw appError('billing.insufficient_credit', {
    meta: { available: formatDecimal(refusal.availableMicros), required: formatDecimal(amount.micros) },
  });
};
