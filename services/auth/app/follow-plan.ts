import { tenantPlanChanged } from '../domain/facts.ts';
import { isPlan } from '../domain/plans.ts';
import type { UnitOfWork } from './ports.ts';

/**
 * Billing says which plan a tenant has from `at` on. Idempotent, and independent of the order of arrival.
 * @returns false when tenant or plan is unknown here
 */
export const followPlan =
  (unit: Pick<UnitOfWork, 'setPlan' | 'record'>) =>
  async ({ tenantId, plan, at }: { readonly tenantId: string; readonly plan: string; readonly at: Date }): Promise<boolean> => {
    if (!isPlan(plan)) return false;
    const version = await unit.setPlan(tenantId, plan, at);
    if (version === undefined) return false;
    if (version !== 'same') await unit.record(tenantPlanChanged({ tenantId, at, version }, plan));
    return true;
  };
