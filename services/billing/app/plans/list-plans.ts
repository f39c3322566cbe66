import type { Plan, PlanList } from '../../domain/plans/plan.ts';

/** By rank, the free one first. */
export const listPlans =
  ({ plans }: { readonly plans: PlanList }) =>
  (): readonly Plan[] =>
    plans.plans;
