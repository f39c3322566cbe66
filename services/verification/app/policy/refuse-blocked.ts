import type { Offer } from '../../domain/catalogue.ts';
import type { PolicyGate } from './ports.ts';
import { refusalError } from './refusal.ts';

/**
 * A service that the catalogue blocks has no price for most: refused before billing is asked, unless an operator has opened it for this
 * tenant. Costs nothing for all other services. @throws verification.service_blocked
 */
export const refuseBlocked = async (
  { policy }: { readonly policy: Pick<PolicyGate, 'ownClass' | 'recordBlocked'> },
  tenantId: string,
  { service, country }: Offer,
): Promise<void> => {
  if (service.policyClass !== 'blocked') return;
  const own = await policy.ownClass(tenantId, service.code);
  if (own !== undefined && own !== 'blocked') return;
  await policy.recordBlocked(tenantId, service.code, country.code);
  throw refusalError({ reason: 'service_blocked', limit: undefined, retryAfterMs: undefined, newAccount: false });
};
