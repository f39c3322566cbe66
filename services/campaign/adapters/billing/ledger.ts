import { appError } from '#platform/errors/index.ts';
import { errorOfDetail, grpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { HoldState, LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { PriceServiceClient } from '#proto/namaskah/billing/v1/prices.ts';
import type { ErrorDetail } from '#proto/namaskah/common/v1/error.ts';
import type { Ledger } from '../../app/ports.ts';

const anyMessage = { product: 'campaign', service: '', country: '', capability: 'sms', operator: '', duration: '', segments: 0 };

const refusalOf = (error: ErrorDetail): Error =>
  errorOfDetail(error, undefined) ?? appError('platform.internal', { cause: `an unknown error of billing: ${error.code}` });

export interface BillingOptions {
  readonly address: string;
  readonly principalKey: string;
}

export interface BillingLedger extends Ledger {
  close(): Promise<void>;
}

/** Holds money at the billing service. The key is the campaign, so asking again never holds twice. */
export const billingLedger = ({ address, principalKey }: BillingOptions): BillingLedger => {
  const options = { address, principalKey, caller: 'campaign', defaultDeadlineMs: 5_000 };
  const client = grpcClient(LedgerServiceClient, options);
  const prices = grpcClient(PriceServiceClient, options);
  return {
    priceOfSegment: async ({ tenantId, listPrice, country }) => {
      const asks = [{ item: { ...anyMessage, country }, listPrice, floor: undefined }];
      const { results } = await prices.resolvePrices({ asks }, { principal: systemPrincipal('campaign', tenantId) });
      const { priced, error } = results[0] ?? {};
      if (error) throw refusalOf(error);
      if (!priced?.unit?.price) throw appError('platform.internal', { cause: new Error('billing answered without a price') });
      return priced.unit.price;
    },
    quoteMessages: async ({ tenantId, listPrice, planned }) => {
      const items = planned.map(({ country, segments: quantity }) => ({
        ask: { item: { ...anyMessage, country }, listPrice, floor: undefined },
        quantity,
      }));
      const { results } = await prices.createQuotes({ asks: [{ tenantId, items }] }, { principal: systemPrincipal('campaign', tenantId) });
      const { quote, error } = results[0] ?? {};
      if (error) throw refusalOf(error);
      if (!quote?.total || quote.items.length !== planned.length)
        throw appError('platform.internal', { cause: new Error('billing answered without a quote') });
      const bySegment = planned.map(({ country }, index) => [country, quote.items[index]?.unit?.price?.micros ?? 0n] as const);
      return { quoteId: quote.id, prices: new Map(bySegment), total: quote.total };
    },
    placeHold: async ({ tenantId, campaignId, campaignName, amount, quoteId, expiresAt, actor }) => {
      const { hold } = await client.placeHold(
        {
          idempotencyKey: `campaign:${campaignId}`,
          amount,
          product: 'campaign',
          reference: campaignId,
          description: `Campaign “${campaignName}”`,
          expiresAt,
          quoteId,
          actor,
        },
        { principal: systemPrincipal('campaign', tenantId) },
      );
      if (!hold) throw appError('platform.internal', { cause: new Error('billing answered without a hold') });
      // An old answer to this key: the money was given back long ago, so nothing may be sent against it.
      if (hold.state !== HoldState.HOLD_STATE_HELD) throw appError('billing.hold_expired');
      return { holdId: hold.id };
    },
    close: async () => {
      await prices.close();
      await client.close();
    },
  };
};
