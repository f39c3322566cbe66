import { appError } from '#platform/errors/index.ts';
import { requireId } from '../checks.ts';
import type { Budgets } from './ports.ts';

/** With its alerts. @throws request.not_found */
export const deleteBudget =
  ({ budgets }: { readonly budgets: Pick<Budgets, 'remove'> }) =>
  async (tenantId: string, id: string): Promise<void> => {
    requireId(id);
    if (!(await budgets.remove(tenantId, id))) throw appError('request.not_found');
  };
