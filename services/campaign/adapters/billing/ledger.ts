import { appError } from '#platform/errors/index.ts';
import { grpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { HoldState, LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import type { Ledger } from '../../app/ports.ts';

export interface BillingOptions {
  readonly address: string;
  readonly principalKey: string;
}

export interface BillingLedger extends Ledger {
  close(): Promise<void>;
}

/** Holds money at the billing service. The key is the campaign, so asking again never holds twice. */
export const billingLedger = ({ address, principalKey }: BillingOptions): BillingLedger => {
  const client = grpcClient(LedgerServiceClient, { address, principalKey, caller: 'campaign', defaultDeadlineMs: 5_000 });
  return {
    placeHold: async ({ tenantId, campaignId, campaignName, amount, expiresAt }) => {
      const { hold } = await client.placeHold(
        {
          idempotencyKey: `campaign:${campaignId}`,
          amount,
          product: 'campaign',
          reference: campaignId,
          description: `Campaign “${campaignName}”`,
          expiresAt,
        },
        { principal: systemPrincipal('campaign', tenantId) },
      );
      if (!hold) throw appError('platform.internal', { cause: new Error('billing answered without a hold') });
      // An old answer to this key: the money was given back long ago, so nothing may be sent against it.
      if (hold.state !== HoldState.HOLD_STATE_HELD) throw appError('billing.hold_expired');
      return { holdId: hold.id };
    },
    close: () => client.close(),
  };
};
