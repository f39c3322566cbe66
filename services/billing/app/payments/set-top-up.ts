import { appError } from '#platform/errors/index.ts';
import { compare, type Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { paymentLimits } from '../../domain/payment.ts';
import type { TopUp } from '../../domain/top-up.ts';
import { check, checkAmount, refuseInvalid } from '../checks.ts';
import type { Wake } from '../ports.ts';
import type { PaymentMethods, TopUps } from './ports.ts';

export interface SetTopUpRequest {
  readonly enabled: boolean;
  readonly threshold: Money;
  readonly amount: Money;
  readonly monthlyLimit: Money;
}

/** Sets when a tenant's wallet fills itself. What was suspended begins anew. @throws request.invalid · billing.no_payment_method */
export const setTopUp =
  ({
    topUps,
    methods,
    clock,
    wakeTopUps,
  }: {
    readonly topUps: TopUps;
    readonly methods: PaymentMethods;
    readonly clock: Clock;
    readonly wakeTopUps: Wake;
  }) =>
  async (tenantId: string, request: SetTopUpRequest): Promise<TopUp> => {
    const { enabled, threshold, amount, monthlyLimit } = request;
    refuseInvalid(
      checkAmount(threshold) && { field: 'threshold', reason: 'Must be greater than zero.' },
      checkAmount(amount) && { field: 'amount', reason: 'Must be greater than zero.' },
      checkAmount(monthlyLimit) && { field: 'monthly_limit', reason: 'Must be greater than zero.' },
      check(amount.micros >= paymentLimits.minMicros && amount.micros <= paymentLimits.maxMicros, 'amount', 'From 1.00 to 10,000.00.'),
      check(amount.micros % paymentLimits.stepMicros === 0n, 'amount', 'Whole cents only.'),
      check(monthlyLimit.currency === amount.currency && compare(monthlyLimit, amount) >= 0, 'monthly_limit', 'At least the amount.'),
    );
    if (enabled && (await methods.list(tenantId)).length === 0) throw appError('billing.no_payment_method');
    const stored = await topUps.set({ tenantId, enabled, threshold, amount, monthlyLimit, now: clock.now() });
    if (enabled) wakeTopUps();
    return stored;
  };
