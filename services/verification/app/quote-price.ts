import { offerOf } from '../domain/catalogue.ts';
import { refuseBlocked } from './policy/refuse-blocked.ts';
import type { Ports, Quote } from './ports.ts';

/**
 * Promises a tenant the price of an offer, for purchases that name the quote.
 * @throws verification.not_offered | service_blocked, billing.no_price, platform.unavailable
 */
export const quotePrice =
  ({ catalogue, prices, policy }: Pick<Ports, 'catalogue' | 'prices' | 'policy'>) =>
  async (wanted: {
    readonly tenantId: string;
    readonly service: string;
    readonly country: string;
    readonly capability: string;
    readonly operator?: string;
  }): Promise<Quote> => {
    const offer = offerOf(catalogue, wanted);
    await refuseBlocked({ policy }, wanted.tenantId, offer);
    return prices.fresh(wanted.tenantId, offer);
  };
