import type { BoundService } from '#platform/grpc/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { billingPriceServices } from './adapters/grpc/prices.ts';
import { postgresPriceBooks } from './adapters/postgres/prices/books.ts';
import { postgresCharges } from './adapters/postgres/prices/charges.ts';
import { postgresPromotions } from './adapters/postgres/prices/promotions.ts';
import { postgresQuotes } from './adapters/postgres/prices/quotes.ts';
import { postgresPriceSources } from './adapters/postgres/prices/sources.ts';
import { changePriceBook } from './app/prices/change-price-book.ts';
import { createPriceBook } from './app/prices/create-price-book.ts';
import { createPromotion } from './app/prices/create-promotion.ts';
import { createQuotes } from './app/prices/create-quotes.ts';
import { decidePriceBook } from './app/prices/decide-price-book.ts';
import { endPriceBook } from './app/prices/end-price-book.ts';
import { endPromotion } from './app/prices/end-promotion.ts';
import { explainCharge } from './app/prices/explain-charge.ts';
import { getPriceBook } from './app/prices/get-price-book.ts';
import { getQuote } from './app/prices/get-quote.ts';
import { listPriceBooks } from './app/prices/list-price-books.ts';
import { listPromotions } from './app/prices/list-promotions.ts';
import { listRedemptions } from './app/prices/list-redemptions.ts';
import type { PlanDiscounts } from './app/prices/ports.ts';
import { proposePriceBook } from './app/prices/propose-price-book.ts';
import { publishPriceBook } from './app/prices/publish-price-book.ts';
import { redeemPromotion } from './app/prices/redeem-promotion.ts';
import { resolvePrices } from './app/prices/resolve-prices.ts';
import { tryPrice } from './app/prices/try-price.ts';
import type { OpenPlans } from './open-plans.ts';

export interface PriceParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly plans: OpenPlans;
}

const discountsOf = ({ plans, reader }: OpenPlans): PlanDiscounts => ({
  planOf: (tenantId, at) => reader.planOf(tenantId, at),
  discountPpm: (plan) => plans.plans.find(({ id }) => id === plan)?.discountPpm,
});

/** Part of the composition root: price books, quotes, promotions. */
export const openPrices = ({ db, clock, plans: opened }: PriceParts): { readonly services: readonly BoundService[] } => {
  const plans = discountsOf(opened);
  const sources = postgresPriceSources(db);
  const quotes = postgresQuotes(db);
  const books = postgresPriceBooks(db);
  const promotions = postgresPromotions(db);
  const publishing = { books, clock };
  const pricing = { sources, plans, clock };
  return {
    services: billingPriceServices({
      resolvePrices: resolvePrices(pricing),
      createQuotes: createQuotes({ ...pricing, quotes }),
      getQuote: getQuote({ quotes }),
      explainCharge: explainCharge({ charges: postgresCharges(db), quotes }),
      listPriceBooks: listPriceBooks({ books }),
      getPriceBook: getPriceBook({ books }),
      createPriceBook: createPriceBook({ books, plans, clock }),
      changePriceBook: changePriceBook({ books }),
      publishPriceBook: publishPriceBook(publishing),
      proposePriceBook: proposePriceBook(publishing),
      decidePriceBook: decidePriceBook(publishing),
      endPriceBook: endPriceBook(publishing),
      tryPrice: tryPrice({ ...pricing, books }),
      redeemPromotion: redeemPromotion({ promotions, clock }),
      listRedemptions: listRedemptions({ promotions }),
      createPromotion: createPromotion({ promotions, clock }),
      listPromotions: listPromotions({ promotions }),
      endPromotion: endPromotion({ promotions, clock }),
    }),
  };
};
