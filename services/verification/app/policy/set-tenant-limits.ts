import { maxMicros } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { OwnLimits } from '../../domain/policy/rules.ts';
import { invalid, requireNote, requireTenant } from './checks.ts';
import type { TenantPolicies } from './ports.ts';

const most = 1_000_000;

/** Limits for one tenant instead of its level's, lower or higher; 0 forbids. @throws request.invalid naming the limit; request.not_found */
export const setTenantLimits =
  ({ tenants, clock }: { readonly tenants: TenantPolicies; readonly clock: Clock }) =>
  async (actor: string, request: { tenantId: string; limits: OwnLimits; note: string }): Promise<void> => {
    const tenantId = requireTenant(request.tenantId);
    const { maxSpendPerDayMicros, ...counts } = request.limits;
    for (const [name, value] of Object.entries(counts))
      if (!Number.isInteger(value) || value < 0 || value > most)
        throw invalid(`limits.${name}`, `must be a whole number from 0 to ${most}`);
    if (maxSpendPerDayMicros !== undefined && (maxSpendPerDayMicros < 0n || maxSpendPerDayMicros > maxMicros))
      throw invalid('limits.maxSpendPerDay', 'is out of range');
    await tenants.setLimits(tenantId, request.limits, { actor, note: requireNote(request.note), at: clock.now() });
  };
