import { addMs, type Clock } from '#platform/time/index.ts';
import { isNew, type Limits, limitsOf, type OwnLimits, type PolicyRules } from '../../domain/policy/rules.ts';
import { type Counts, countsOf } from '../../domain/policy/usage.ts';
import { requireTenant } from './checks.ts';
import type { TenantPolicies, TenantPolicy } from './ports.ts';

export interface PolicyView {
  readonly tenantId: string;
  readonly kycLevel: number;
  readonly kycPurpose: string;
  readonly restrictedAllowed: boolean;
  readonly newAccountUntil: Date | undefined;
  readonly limits: Limits;
  readonly ownLimits: OwnLimits;
  readonly counts: Counts & { readonly openRentals: number };
  readonly floor: { readonly percent: number; readonly outcomes: number };
  readonly blockedUntil: Date | undefined;
  readonly acknowledgementsLeft: number;
  readonly ownClasses: TenantPolicy['ownClasses'];
}

/** What counts for a tenant now, and what it has used of it; the numbers by which its next purchase is decided. */
export const readPolicy =
  ({ tenants, rules, clock }: { readonly tenants: TenantPolicies; readonly rules: PolicyRules; readonly clock: Clock }) =>
  async (tenantId: string): Promise<PolicyView> => {
    const now = clock.now();
    const { standing, kycPurpose, usage, openRentals, ownClasses, ...used } = await tenants.find(requireTenant(tenantId), now);
    const { percent, minOutcomes, acknowledgements, acknowledgementMs } = rules.successFloor;
    const running = used.acknowledgedSince !== undefined && now < addMs(used.acknowledgedSince, acknowledgementMs);
    return {
      tenantId,
      kycLevel: standing.kycLevel,
      kycPurpose,
      restrictedAllowed: rules.levels[standing.kycLevel].restricted,
      newAccountUntil: isNew(rules, standing, now) ? addMs(standing.since, rules.newAccount.lifeMs) : undefined,
      limits: limitsOf(rules, standing, now),
      ownLimits: standing.ownLimits,
      counts: { ...countsOf(usage, now), openRentals },
      floor: { percent, outcomes: minOutcomes },
      blockedUntil: usage.blockedUntil && usage.blockedUntil > now ? usage.blockedUntil : undefined,
      acknowledgementsLeft: Math.max(0, acknowledgements - (running ? used.acknowledgements : 0)),
      ownClasses,
    };
  };
