export const budgetIntervals = ['daily', 'monthly'] as const;
export type BudgetInterval = (typeof budgetIntervals)[number];
export const isBudgetInterval = (text: string): text is BudgetInterval => (budgetIntervals as readonly string[]).includes(text);

/** Never negative: a budget that was lowered below what is spent has nothing left, and owes nothing. */
export const remainingMicros = ({ amountMicros, spentMicros }: { readonly amountMicros: bigint; readonly spentMicros: bigint }): bigint =>
  spentMicros >= amountMicros ? 0n : amountMicros - spentMicros;
