import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { type Money, money } from '#platform/money/index.ts';
import { addMs, type Clock, minuteMs } from '#platform/time/index.ts';
import type { Prices, Quote } from '../app/ports.ts';
import type { Offer } from '../domain/catalogue.ts';

export interface FakePrices extends Prices {
  /** Percent of the list price that everybody pays; 0: nothing is sold. */
  percent: bigint;
  /** Billing does not answer. */
  away: boolean;
}

/** The list price, or a share of it, promised for ten minutes. */
export const createFakePrices = (clock: Clock): FakePrices => {
  const quotes = new Map<string, Quote & { readonly tenantId: string; readonly item: string }>();
  const itemOf = ({ service, country, capability, operator }: Offer): string => [service.code, country.code, capability, operator].join();
  const priceOf = ({ price }: Offer): Money | undefined =>
    fake.percent === 0n ? undefined : money(price.currency, (price.micros * fake.percent) / 100n);
  const make = async (tenantId: string, offer: Offer): Promise<Quote> => {
    if (fake.away) throw appError('platform.unavailable');
    const price = priceOf(offer);
    if (price === undefined) throw appError('billing.no_price');
    const quote = { id: newId(), price, expiresAt: addMs(clock.now(), 10 * minuteMs) };
    quotes.set(quote.id, { ...quote, tenantId, item: itemOf(offer) });
    return quote;
  };
  const fake: FakePrices = {
    percent: 100n,
    away: false,
    quote: make,
    fresh: make,
    named: async (tenantId, quoteId, offer) => {
      const quote = quotes.get(quoteId);
      if (quote?.tenantId !== tenantId) throw appError('request.not_found');
      if (quote.item !== itemOf(offer)) throw appError('billing.quote_invalid');
      return quote;
    },
    resolve: async (_tenantId, offers) => offers.map(priceOf),
  };
  return fake;
};
