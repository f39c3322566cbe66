import { appError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import type { Money } from '#platform/money/index.ts';
import * as proto from '#proto/namaskah/billing/v1/payment_methods.ts';
import type { changePaymentMethod } from '../../app/payments/change-payment-method.ts';
import type { getTopUp } from '../../app/payments/get-top-up.ts';
import type { setTopUp } from '../../app/payments/set-top-up.ts';
import type { PaymentMethods } from '../../app/payments/ports.ts';

export interface PaymentMethodUseCases {
  readonly listPaymentMethods: PaymentMethods['list'];
  readonly changePaymentMethod: ReturnType<typeof changePaymentMethod>;
  readonly getTopUp: ReturnType<typeof getTopUp>;
  readonly setTopUp: ReturnType<typeof setTopUp>;
}

const payers = allow('system', 'owner', 'admin', { scope: 'payments:write' });

const required = (field: string, amount: Money | undefined): Money => {
  if (amount === undefined) throw appError('request.invalid', { fields: [{ field, reason: 'Is required.' }] });
  return amount;
};

export const paymentMethodService = (billing: PaymentMethodUseCases): BoundService =>
  grpcService(proto.PaymentMethodServiceService, {
    listPaymentMethods: method(allowAny(), async (_request, { principal }) => ({
      methods: [...(await billing.listPaymentMethods(principal.tenantId))],
    })),
    removePaymentMethod: method(payers, async ({ id }, { principal }) => {
      await billing.changePaymentMethod(principal.tenantId, id, 'remove');
      return {};
    }),
    setDefaultPaymentMethod: method(payers, async ({ id }, { principal }) => ({
      methods: [...(await billing.changePaymentMethod(principal.tenantId, id, 'makeDefault'))],
    })),
    getTopUp: method(allowAny(), async (_request, { principal }) => ({ topUp: await billing.getTopUp(principal.tenantId) })),
    setTopUp: method(payers, async ({ enabled, threshold, amount, monthlyLimit }, { principal }) => ({
      topUp: await billing.setTopUp(principal.tenantId, {
        enabled,
        threshold: required('threshold', threshold),
        amount: required('amount', amount),
        monthlyLimit: required('monthly_limit', monthlyLimit),
      }),
    })),
  });
