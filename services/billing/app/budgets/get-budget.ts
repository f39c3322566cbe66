import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { requireId } from '../checks.ts';
import type { Budgets, BudgetStatus } from './ports.ts';

/** With what is spent in the running window. @throws request.not_found also when it is another tenant's */
export const getBudget =
  ({ budgets, clock }: { readonly budgets: Pick<Budgets, 'find'>; readonly clock: Clock }) =>
  async (tenantId: string, id: string): Promise<BudgetStatus> => {
    requireId(id);
    const budget = await budgets.find(tenantId, id, clock.now());
    if (budget === undefined) throw appError('request.not_found');
    return budget;
  };
