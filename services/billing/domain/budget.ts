export const budgetIntervals = ['daily', 'monthly'] as const;
export type BudgetInterval = (typeof budgetIntervals)[number];
export const isBudgetInterval = (text: string): text is BudgetInterval => (budgetIntervals as readonly string[]).includes(text);

/**
 * Of which products a budget of their own can refuse spending: those that the ledger is asked about before. Usage and subscriptions are owed
 * when they are charged; a budget of one of them would promise what it cannot keep.
 */
const refusable: readonly string[] = ['verification', 'campaign', 'rental'];
export const canBeHard = (product: string): boolean => product === '' || refusable.includes(product);

/** Never negative: a budget that was lowered below what is spent has nothing left, and owes nothing. */
export const remainingMicros = ({ amountMicros, spentMicros }: { readonly amountMicros: bigint; readonly spentMicros: bigint }): bigint =>
  spentMicros >= amountMicros ? 0n : amountMicros - spentMicros;
