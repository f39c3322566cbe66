import { appError, isAppError } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import { cancelVerification } from '../cancel-verification.ts';
import { createVerification } from '../create-verification.ts';
import type { Ports } from '../ports.ts';
import type { VerificationView } from '../view.ts';

/** What stands against cancelling the first: it has a code, has ended, or its provider takes nothing back yet. */
const harmless = ['verification.code_already_received', 'verification.not_cancellable', 'verification.early_cancel'] as const;

/**
 * Another number for the same thing: a purchase of its own, charged like any other. It comes first, so that a customer whose second
 * purchase is refused still has the first; then the first is cancelled if it still can be, and otherwise goes on to its own end.
 * Repeating it under the same key buys nothing more, and cancels the first when a crash came between.
 * The first's provider is asked last (`retry.avoidRoute` of data/policies.json), its number is never taken again (the lease says so).
 * @throws request.not_found and whatever a purchase is refused with
 */
export const retryVerification =
  (ports: Ports) =>
  async (request: {
    tenantId: string;
    id: string;
    idempotencyKey: string;
    actor: string;
    maxPrice: Money | undefined;
    excludedProviders?: readonly string[];
    preferredProviders?: readonly string[];
  }): Promise<VerificationView> => {
    const { tenantId, id, ...purchase } = request;
    const first = await ports.store.find(tenantId, id);
    if (!first) throw appError('request.not_found');
    const { service, country, capability, operator, areaCode } = first;
    const wanted = { service, country, capability, operator, areaCode };
    const avoidedProviders = ports.policies.retry.avoidRoute ? [first.provider] : [];
    const second = await createVerification(ports)({ ...wanted, ...purchase, tenantId, avoidedProviders, retryOf: id });
    await cancelVerification(ports)({ tenantId, id }).catch((error: unknown) => {
      if (!harmless.some((code) => isAppError(error, code))) ports.observer.failedStep(first, error);
    });
    return second;
  };
