import { appError } from '#platform/errors/index.ts';
import { maxMicros, type Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { walletCurrency } from '../../domain/ledger.ts';
import { paymentLimits } from '../../domain/payment.ts';
import type { TopUp } from '../../domain/top-up.ts';
import { check, refuseInvalid } from '../checks.ts';
import type { Wake } from '../ports.ts';
import type { PaymentMethods, TopUps } from './ports.ts';

export interface SetTopUpRequest {
  readonly enabled: boolean;
  readonly threshold: Money;
  readonly amount: Money;
  readonly monthlyLimit: Money;
}

const checkPositive = (amount: Money, field: string) =>
  check(amount.micros > 0n && amount.micros <= maxMicros, field, 'Must be greater than zero.');

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
      check(
        [threshold, amount, monthlyLimit].every(({ currency }) => currency === walletCurrency),
        'amount.currency',
        `Only ${walletCurrency} for now.`,
      ),
      checkPositive(threshold, 'threshold'),
      checkPositive(amount, 'amount'),
      checkPositive(monthlyLimit, 'monthly_limit'),
      check(amount.micros >= paymentLimits.minMicros && amount.micros <= paymentLimits.maxMicros, 'amount', 'From 1.00 to 10,000.00.'),
      check(amount.micros % paymentLimits.stepMicros === 0n, 'amount', 'Whole cents only.'),
      check(monthlyLimit.micros >= amount.micros, 'monthly_limit', 'At least the amount.'),
    );
    if (enabled && (await methods.list(tenantId)).length === 0) throw appError('billing.no_payment_method');
    const stored = await topUps.set({ tenantId, enabled, threshold, amount, monthlyLimit, now: clock.now() });
    if (enabled) wakeTopUps();
    return stored;
  };
