import { addMs, type Clock, minuteMs } from '#platform/time/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import type { PaymentMethods, TopUps } from './ports.ts';
import type { StartPayment } from './start-payment.ts';

const batchSize = 20;
/** Also how often a tenant's top-up is tried at most. */
const leaseMs = minuteMs;
const suspendedReason = 'The payment method was declined three times in a row.';

export interface TopUpDeps {
  readonly topUps: TopUps;
  readonly methods: Pick<PaymentMethods, 'list'>;
  readonly start: StartPayment;
  readonly clock: Clock;
}

/**
 * Charges the default payment method of tenants whose wallet runs low. The payment is like any other: what became of a charge that got no
 * answer is found out by its reference, and until then no other is begun. @returns how many were charged
 */
export const topUpWallets =
  ({ topUps, methods, start, clock }: TopUpDeps) =>
  async (): Promise<number> => {
    const now = clock.now();
    await topUps.suspend(now, suspendedReason);
    const due = await topUps.claimDue(now, addMs(now, leaseMs), batchSize);
    await Promise.all(
      due.map(async ({ tenantId, amount, sequence }) => {
        const method = (await methods.list(tenantId)).find(({ isDefault }) => isDefault);
        if (method === undefined) return;
        const request = {
          idempotencyKey: `top-up:${sequence}`,
          amount,
          gateway: method.gateway,
          paymentMethodId: method.id,
          saveMethod: false,
        };
        // The payment is recorded: the reconciliation goes on with it.
        await start(tenantId, request, { topUp: sequence }).catch((error: unknown) => {
          if (!isAppError(error, 'billing.gateway_unavailable')) throw error;
        });
      }),
    );
    return due.length;
  };
