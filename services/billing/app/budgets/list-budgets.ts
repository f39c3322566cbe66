import type { Clock } from '#platform/time/index.ts';
import type { PageAsk } from '../ports.ts';
import type { Budgets } from './ports.ts';

/** Newest first. @throws request.invalid on a cursor that is none */
export const listBudgets =
  ({ budgets, clock }: { readonly budgets: Pick<Budgets, 'list'>; readonly clock: Clock }) =>
  (tenantId: string, page: PageAsk) =>
    budgets.list(tenantId, page, clock.now());
