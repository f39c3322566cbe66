import type { Clock } from '#platform/time/index.ts';
import { endpointLimit } from '../../domain/webhooks/endpoint.ts';
import type { FanOut } from './ports.ts';

/** A smaller plan keeps the oldest endpoints; the others are switched off, not deleted, and come back with a larger one. */
export const followPlan =
  ({ store, clock }: { readonly store: Pick<FanOut, 'fit'>; readonly clock: Clock }) =>
  (tenantId: string, plan: string): Promise<void> =>
    store.fit(tenantId, endpointLimit(plan), clock.now());
