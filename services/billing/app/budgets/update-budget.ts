import { appError } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { checkName } from '../alerts/create-alert.ts';
import { canBeHard } from '../../domain/budget.ts';
import { check, checkAmount, refuseInvalid } from '../checks.ts';
import { getBudget } from './get-budget.ts';
import type { Budgets, BudgetStatus } from './ports.ts';

export interface BudgetUpdate {
  readonly name: string | undefined;
  readonly amount: Money | undefined;
  readonly hard: boolean | undefined;
}

/** Counts from the next batch on; what is spent stays spent. @throws request.not_found · request.invalid */
export const updateBudget =
  ({ budgets, clock }: { readonly budgets: Pick<Budgets, 'find' | 'change'>; readonly clock: Clock }) =>
  async (tenantId: string, id: string, { name, amount, hard }: BudgetUpdate): Promise<BudgetStatus> => {
    const before = await getBudget({ budgets, clock })(tenantId, id);
    refuseInvalid(
      name === undefined ? undefined : checkName(name),
      amount === undefined ? undefined : checkAmount(amount),
      check(
        hard !== true || canBeHard(before.product ?? ''),
        'hard',
        'Usage and subscriptions are owed when they are charged: their budget is watched, not enforced.',
      ),
    );
    const changed = await budgets.change(tenantId, id, { name, amountMicros: amount?.micros, hard }, clock.now());
    if (changed === undefined) throw appError('request.not_found');
    return changed;
  };
