import { appError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, grpcService, method, type Principal } from '#platform/grpc/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import * as proto from '#proto/namaskah/billing/v1/usage.ts';
import type { createBudget } from '../../app/budgets/create-budget.ts';
import type { deleteBudget } from '../../app/budgets/delete-budget.ts';
import type { getBudget } from '../../app/budgets/get-budget.ts';
import type { getSpending } from '../../app/budgets/get-spending.ts';
import type { listBudgets } from '../../app/budgets/list-budgets.ts';
import type { pauseSpending } from '../../app/budgets/pause-spending.ts';
import type { BudgetStatus, Pause, PauseSource } from '../../app/budgets/ports.ts';
import type { resumeSpending } from '../../app/budgets/resume-spending.ts';
import type { updateBudget } from '../../app/budgets/update-budget.ts';
import { remainingMicros } from '../../domain/budget.ts';
import { amountOf } from './mapping.ts';
import { pageOf } from './mapping.ts';

export interface BudgetUseCases {
  readonly createBudget: ReturnType<typeof createBudget>;
  readonly getBudget: ReturnType<typeof getBudget>;
  readonly listBudgets: ReturnType<typeof listBudgets>;
  readonly updateBudget: ReturnType<typeof updateBudget>;
  readonly deleteBudget: ReturnType<typeof deleteBudget>;
  readonly pauseSpending: ReturnType<typeof pauseSpending>;
  readonly resumeSpending: ReturnType<typeof resumeSpending>;
  readonly getSpending: ReturnType<typeof getSpending>;
}

const budgetMessage = (budget: BudgetStatus): proto.Budget => ({
  id: budget.id,
  name: budget.name,
  interval: budget.interval,
  product: budget.product ?? '',
  amount: money(budget.currency, budget.amountMicros),
  hard: budget.hard,
  timeZone: budget.zone,
  windowStartsAt: budget.windowStartsAt,
  windowEndsAt: budget.windowEndsAt,
  spent: money(budget.currency, budget.spentMicros),
  remaining: money(budget.currency, remainingMicros(budget)),
  createdAt: budget.createdAt,
});
const pauseMessages = (pauses: readonly Pause[]): proto.SpendingPause[] =>
  pauses.map(({ source, reason, at }) => ({ source, reason, pausedAt: at }));

/** Whose spending, and in which capacity: somebody else's tenant only as one who runs the platform. */
const targetOf = (tenantId: string, principal: Principal): { readonly tenantId: string; readonly source: PauseSource } => {
  if (tenantId === '') {
    if (!principal.roles.some((role) => role === 'owner' || role === 'admin')) throw appError('auth.forbidden');
    return { tenantId: principal.tenantId, source: 'tenant' };
  }
  if (!principal.roles.some((role) => role === 'operator' || role === 'system')) throw appError('auth.forbidden');
  if (!isUuid(tenantId)) throw appError('request.not_found');
  return { tenantId, source: 'operator' };
};

const reading = allowAny({ scope: 'budgets:read' });
const writing = allow('owner', 'admin', { scope: 'budgets:write' });
const pausing = allow('owner', 'admin', 'operator', 'system', { scope: 'budgets:write' });

export const budgetService = (budgets: BudgetUseCases): BoundService =>
  grpcService(proto.BudgetServiceService, {
    createBudget: method(writing, async ({ amount, timeZone: zone, alertAtPercent, ...request }, { principal }) => ({
      budget: budgetMessage(await budgets.createBudget(principal.tenantId, { ...request, zone, alertAtPercent, amount: amountOf(amount) })),
    })),
    getBudget: method(reading, async ({ id }, { principal }) => ({
      budget: budgetMessage(await budgets.getBudget(principal.tenantId, id)),
    })),
    listBudgets: method(reading, async ({ page }, { principal }) => {
      const { budgets: found, nextCursor } = await budgets.listBudgets(principal.tenantId, pageOf(page));
      return { budgets: found.map(budgetMessage), nextCursor };
    }),
    updateBudget: method(writing, async ({ id, name, amount, hard }, { principal }) => ({
      budget: budgetMessage(await budgets.updateBudget(principal.tenantId, id, { name, amount, hard })),
    })),
    deleteBudget: method(writing, async ({ id }, { principal }) => {
      await budgets.deleteBudget(principal.tenantId, id);
      return {};
    }),
    pauseSpending: method(pausing, async ({ tenantId: named, reason }, { principal }) => {
      const { tenantId, source } = targetOf(named, principal);
      return { pauses: pauseMessages(await budgets.pauseSpending(tenantId, { source, reason, by: principal.subject })) };
    }),
    resumeSpending: method(pausing, async ({ tenantId: named }, { principal }) => {
      const { tenantId, source } = targetOf(named, principal);
      return { pauses: pauseMessages(await budgets.resumeSpending(tenantId, { source, by: principal.subject })) };
    }),
    getSpending: method(reading, async (_request, { principal }) => ({
      pauses: pauseMessages(await budgets.getSpending(principal.tenantId)),
    })),
  });
