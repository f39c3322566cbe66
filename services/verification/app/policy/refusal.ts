import { type AppError, appError, type ErrorCode } from '#platform/errors/index.ts';
import { formatDecimal } from '#platform/money/index.ts';
import { currency } from '../../domain/catalogue.ts';
import type { PolicyRefusal, Refused } from '../../domain/policy/admit.ts';

const codes: Readonly<Record<PolicyRefusal, ErrorCode>> = {
  tenant_switched_off: 'verification.switched_off',
  service_switched_off: 'verification.switched_off',
  provider_switched_off: 'verification.switched_off',
  service_blocked: 'verification.service_blocked',
  kyc_required: 'verification.kyc_required',
  success_floor: 'verification.success_too_low',
  open_activations: 'verification.limit_reached',
  open_rentals: 'verification.limit_reached',
  purchases_per_hour: 'verification.limit_reached',
  cancels_per_hour: 'verification.limit_reached',
  spend_per_day: 'verification.limit_reached',
};

const sentence = ({ reason, limit = 0n }: Refused): string | undefined => {
  switch (reason) {
    case 'tenant_switched_off':
      return 'Purchases are switched off for your account.';
    case 'service_switched_off':
      return 'Purchases of this service are switched off.';
    case 'provider_switched_off':
      return 'The provider of these numbers is switched off.';
    case 'success_floor':
      return `Fewer than ${limit}% of your numbers got a code in the last 24 hours. Acknowledge it at /v2/policy/acknowledge, or wait.`;
    case 'open_activations':
      return `You may have ${limit} numbers waiting at once.`;
    case 'open_rentals':
      return `You may rent ${limit} numbers at once.`;
    case 'purchases_per_hour':
      return `You may buy ${limit} numbers an hour.`;
    case 'cancels_per_hour':
      return `After ${limit} cancellations within an hour you may not buy for a while.`;
    case 'spend_per_day':
      return `You may spend ${formatDecimal(limit)} ${currency} a day (UTC).`;
    case 'service_blocked':
    case 'kyc_required':
      return undefined;
  }
};

/** What a refused purchase answers: a code of the catalogue, the reason and, where one was reached, the limit. */
export const refusalError = (refused: Refused): AppError => {
  const { reason, limit, retryAfterMs, newAccount } = refused;
  const message = sentence(refused);
  return appError(codes[reason], {
    ...(message === undefined
      ? {}
      : { message: newAccount && limit !== undefined ? `${message} A new account has lower limits.` : message }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    meta: { policyReason: reason, ...(limit === undefined ? {} : { policyLimit: String(limit) }) },
  });
};
