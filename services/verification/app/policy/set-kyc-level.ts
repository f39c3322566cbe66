import type { Clock } from '#platform/time/index.ts';
import { kycLevels } from '../../domain/policy/rules.ts';
import { invalid, requireNote, requireTenant } from './checks.ts';
import type { TenantPolicies } from './ports.ts';

const longestPurpose = 500;

/**
 * An operator says what is known of a tenant's holder. From level 1 on the tenant has stated what it rents numbers for.
 * @throws request.invalid on level, purpose or note; request.not_found
 */
export const setKycLevel =
  ({ tenants, clock }: { readonly tenants: TenantPolicies; readonly clock: Clock }) =>
  async (actor: string, request: { tenantId: string; level: number; purpose: string; note: string }): Promise<void> => {
    const tenantId = requireTenant(request.tenantId);
    const level = kycLevels.find((known) => known === request.level);
    if (level === undefined) throw invalid('level', `must be one of ${kycLevels.join(', ')}`);
    const purpose = request.purpose.trim();
    if (purpose.length > longestPurpose) throw invalid('purpose', `must have at most ${longestPurpose} characters`);
    if (level > 0 && purpose === '') throw invalid('purpose', 'is required from level 1 on');
    await tenants.setKyc(tenantId, level, purpose, { actor, note: requireNote(request.note), at: clock.now() });
  };
