import type { Subscription } from '../../domain/plans/subscription.ts';
import type { Subscriptions } from './ports.ts';

/** @returns undefined for a tenant on the free plan: it needs no subscription */
export const getSubscription =
  ({ subscriptions }: { readonly subscriptions: Subscriptions }) =>
  (tenantId: string): Promise<Subscription | undefined> =>
    subscriptions.current(tenantId);
