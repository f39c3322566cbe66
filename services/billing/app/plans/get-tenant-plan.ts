import { requireId } from '../checks.ts';
import type { Subscription } from '../../domain/plans/subscription.ts';
import type { RecordedAct, Subscriptions } from './ports.ts';

/** The plan of a tenant as operators see it. */
export interface TenantPlan {
  /** Undefined: the free plan. */
  readonly subscription: Subscription | undefined;
  /** What operators did to it, newest first. */
  readonly acts: readonly RecordedAct[];
}

const mostActs = 50;

export const tenantPlan = async (subscriptions: Subscriptions, tenantId: string): Promise<TenantPlan> => {
  const [subscription, acts] = await Promise.all([subscriptions.current(tenantId), subscriptions.acts(tenantId, mostActs)]);
  return { subscription, acts };
};

/** A tenant that nobody knows is on the free plan, as one that has subscribed to nothing. @throws request.not_found: no id */
export const getTenantPlan =
  ({ subscriptions }: { readonly subscriptions: Subscriptions }) =>
  (tenantId: string): Promise<TenantPlan> => {
    requireId(tenantId);
    return tenantPlan(subscriptions, tenantId);
  };
