import type { Clock } from '#platform/time/index.ts';
import type { Catalogue, PolicyClass } from '../../domain/catalogue.ts';
import { invalid, requireNote, requireTenant } from './checks.ts';
import type { TenantPolicies } from './ports.ts';

const classes: readonly PolicyClass[] = ['open', 'restricted', 'blocked'];

/**
 * Opens, restricts or blocks a service for one tenant, or gives it the catalogue's class back.
 * @throws request.invalid on service, policyClass or note; request.not_found
 */
export const setServiceClass =
  ({ tenants, catalogue, clock }: { readonly tenants: TenantPolicies; readonly catalogue: Catalogue; readonly clock: Clock }) =>
  async (actor: string, request: { tenantId: string; service: string; policyClass: string; note: string }): Promise<void> => {
    const tenantId = requireTenant(request.tenantId);
    const service = catalogue.service(request.service.toLowerCase());
    if (!service) throw invalid('service', 'There is no such service in the catalogue.');
    const policyClass = classes.find((known) => known === request.policyClass);
    if (policyClass === undefined && request.policyClass !== '') throw invalid('policyClass', `must be one of ${classes.join(', ')}`);
    await tenants.setClass(tenantId, service.code, policyClass, { actor, note: requireNote(request.note), at: clock.now() });
  };
