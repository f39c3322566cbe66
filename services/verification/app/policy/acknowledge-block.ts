import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { PolicyRules } from '../../domain/policy/rules.ts';
import type { TenantPolicies } from './ports.ts';

/**
 * A tenant lifts the block that followed too few codes. What led to it was forgotten when it began, so the next numbers are judged by
 * themselves. @throws verification.no_block | acknowledgements_used
 */
export const acknowledgeBlock =
  ({ tenants, rules, clock }: { readonly tenants: TenantPolicies; readonly rules: PolicyRules; readonly clock: Clock }) =>
  async (tenantId: string, actor: string): Promise<void> => {
    const { acknowledgements, acknowledgementMs } = rules.successFloor;
    const outcome = await tenants.acknowledge(tenantId, acknowledgements, acknowledgementMs, { actor, note: '', at: clock.now() });
    if (outcome === 'no_block') throw appError('verification.no_block');
    if (outcome === 'used_up') throw appError('verification.acknowledgements_used');
  };
