import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { tenantPlanChanged } from '../domain/facts.ts';
import { isPlan, plans } from '../domain/plans.ts';
import type { Transactions } from './ports.ts';

/** Setting the present plan again changes and records nothing. @throws request.invalid, request.not_found */
export const setTenantPlan =
  (deps: { readonly transactions: Transactions; readonly clock: Clock }) =>
  async (callerTenantId: string, tenantId: string, plan: string): Promise<void> => {
    if (!isPlan(plan)) throw appError('request.invalid', { fields: [{ field: 'plan', reason: `must be one of ${plans.join(', ')}` }] });
    // Services, too, act for one tenant at a time.
    if (tenantId !== callerTenantId) throw appError('request.not_found');
    const at = deps.clock.now();
    await deps.transactions.run(async (unit) => {
      const version = await unit.setPlan(tenantId, plan, at);
      if (version === undefined) throw appError('request.not_found');
      if (version !== 'same') await unit.record(tenantPlanChanged({ tenantId, at, version }, plan));
    });
  };
