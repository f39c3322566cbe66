import { events } from '#events';
import { done, on } from '#platform/messaging/index.ts';
import type { TenantPolicies } from '../../app/policy/ports.ts';

/** Hears when tenants registered: a new account has lower limits, and is new from then on, not from its first purchase. */
export const tenantHandlers = (tenants: Pick<TenantPolicies, 'sawTenant'>) => [
  on(events.auth.tenantRegistered, async (_tx, event) => {
    await tenants.sawTenant(event.tenantId, event.occurredAt);
    return done();
  }),
];
