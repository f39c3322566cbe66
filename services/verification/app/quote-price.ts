import { offerFor } from '../domain/catalogue.ts';
import type { Ports, Quote } from './ports.ts';

/**
 * Promises a tenant the price of an offer, for purchases that name the quote.
 * @throws verification.not_offered | service_blocked, billing.no_price, platform.unavailable
 */
export const quotePrice =
  ({ catalogue, prices }: Pick<Ports, 'catalogue' | 'prices'>) =>
  async (wanted: {
    readonly tenantId: string;
    readonly service: string;
    readonly country: string;
    readonly capability: string;
    readonly operator?: string;
  }): Promise<Quote> =>
    prices.fresh(wanted.tenantId, offerFor(catalogue, wanted));
