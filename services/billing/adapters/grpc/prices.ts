import { type AppError, appError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, errorDetailOf, grpcService, method } from '#platform/grpc/index.ts';
import { type ExplainChargeRequest, PriceBookServiceService, PriceServiceService } from '#proto/namaskah/billing/v1/prices.ts';
import { Promotion, PromotionServiceService } from '#proto/namaskah/billing/v1/promotions.ts';
import type { changePriceBook } from '../../app/prices/change-price-book.ts';
import type { createPriceBook } from '../../app/prices/create-price-book.ts';
import type { createPromotion } from '../../app/prices/create-promotion.ts';
import type { createQuotes } from '../../app/prices/create-quotes.ts';
import type { decidePriceBook } from '../../app/prices/decide-price-book.ts';
import type { endPriceBook } from '../../app/prices/end-price-book.ts';
import type { endPromotion } from '../../app/prices/end-promotion.ts';
import type { explainCharge } from '../../app/prices/explain-charge.ts';
import type { getPriceBook } from '../../app/prices/get-price-book.ts';
import type { getQuote } from '../../app/prices/get-quote.ts';
import type { listPriceBooks } from '../../app/prices/list-price-books.ts';
import type { listPromotions } from '../../app/prices/list-promotions.ts';
import type { listRedemptions } from '../../app/prices/list-redemptions.ts';
import type { proposePriceBook } from '../../app/prices/propose-price-book.ts';
import type { publishPriceBook } from '../../app/prices/publish-price-book.ts';
import type { redeemPromotion } from '../../app/prices/redeem-promotion.ts';
import type { resolvePrices } from '../../app/prices/resolve-prices.ts';
import type { tryPrice } from '../../app/prices/try-price.ts';
import {
  askOf,
  bookMessage,
  contentOf,
  explanationMessage,
  priceMessage,
  promotionMessage,
  quoteMessage,
  redemptionMessage,
} from './price-mapping.ts';
import { pageOf } from './mapping.ts';

export interface PriceUseCases {
  readonly resolvePrices: ReturnType<typeof resolvePrices>;
  readonly createQuotes: ReturnType<typeof createQuotes>;
  readonly getQuote: ReturnType<typeof getQuote>;
  readonly explainCharge: ReturnType<typeof explainCharge>;
  readonly listPriceBooks: ReturnType<typeof listPriceBooks>;
  readonly getPriceBook: ReturnType<typeof getPriceBook>;
  readonly createPriceBook: ReturnType<typeof createPriceBook>;
  readonly changePriceBook: ReturnType<typeof changePriceBook>;
  readonly publishPriceBook: ReturnType<typeof publishPriceBook>;
  readonly proposePriceBook: ReturnType<typeof proposePriceBook>;
  readonly decidePriceBook: ReturnType<typeof decidePriceBook>;
  readonly endPriceBook: ReturnType<typeof endPriceBook>;
  readonly tryPrice: ReturnType<typeof tryPrice>;
  readonly redeemPromotion: ReturnType<typeof redeemPromotion>;
  readonly listRedemptions: ReturnType<typeof listRedemptions>;
  readonly createPromotion: ReturnType<typeof createPromotion>;
  readonly listPromotions: ReturnType<typeof listPromotions>;
  readonly endPromotion: ReturnType<typeof endPromotion>;
}

/** The products' services act for a tenant and name list prices. */
const products = allow('system');
/** Persons who run the platform: two of them where two are needed. A service is not one. */
const operators = allow('operator');
const detail = (error: AppError) => errorDetailOf(error);

const chargeAsked = ({ charge }: ExplainChargeRequest) => {
  if (charge === undefined) throw appError('request.invalid', { fields: [{ field: 'charge', reason: 'Say which one.' }] });
  return charge.$case === 'transactionId' ? { transactionId: charge.value } : charge.value;
};

const priceService = (prices: PriceUseCases): BoundService =>
  grpcService(PriceServiceService, {
    resolvePrices: method(products, async ({ asks }, { principal }) => {
      const results = await prices.resolvePrices(principal.tenantId, asks.map(askOf));
      return {
        results: results.map((result) =>
          'error' in result
            ? { priced: undefined, error: detail(result.error) }
            : { priced: { item: result.item, unit: priceMessage(result.unit) }, error: undefined },
        ),
      };
    }),
    createQuotes: method(products, async ({ asks }) => {
      const wanted = asks.map(({ tenantId, items }) => ({
        tenantId,
        items: items.map(({ ask, quantity }) => ({ ask: askOf(ask), quantity })),
      }));
      const results = await prices.createQuotes(wanted);
      return {
        results: results.map((result) =>
          'error' in result ? { quote: undefined, error: detail(result.error) } : { quote: quoteMessage(result.quote), error: undefined },
        ),
      };
    }),
    getQuote: method(allowAny(), async ({ id }, { principal }) => ({ quote: quoteMessage(await prices.getQuote(principal.tenantId, id)) })),
    explainCharge: method(allowAny({ scope: 'transactions:read' }), async (request, { principal }) =>
      explanationMessage(await prices.explainCharge(principal.tenantId, chargeAsked(request))),
    ),
  });

const priceBookService = (prices: PriceUseCases): BoundService =>
  grpcService(PriceBookServiceService, {
    listPriceBooks: method(operators, async ({ page, scope, plan, tenantId, state }) => {
      const { books, nextCursor } = await prices.listPriceBooks({ ...pageOf(page), scope, plan, tenantId, state });
      return { priceBooks: books.map(bookMessage), nextCursor };
    }),
    getPriceBook: method(operators, async ({ id }) => ({ priceBook: bookMessage(await prices.getPriceBook(id)) })),
    createPriceBook: method(operators, async ({ content, ...request }, { principal }) => ({
      priceBook: bookMessage(await prices.createPriceBook(principal.subject, { ...request, content: contentOf(content) })),
    })),
    changePriceBook: method(operators, async ({ content, ...request }) => ({
      priceBook: bookMessage(await prices.changePriceBook({ ...request, content: contentOf(content) })),
    })),
    publishPriceBook: method(operators, async (request, { principal }) => ({
      priceBook: bookMessage(await prices.publishPriceBook(principal.subject, request)),
    })),
    proposePriceBook: method(operators, async (request, { principal }) => ({
      priceBook: bookMessage(await prices.proposePriceBook(principal.subject, request)),
    })),
    decidePriceBook: method(operators, async (request, { principal }) => ({
      priceBook: bookMessage(await prices.decidePriceBook(principal.subject, request)),
    })),
    endPriceBook: method(operators, async ({ id }) => ({ priceBook: bookMessage(await prices.endPriceBook(id)) })),
    tryPrice: method(operators, async ({ tenantId, ask, at, draftId }) => {
      const { unit, plan } = await prices.tryPrice({ tenantId, ask: askOf(ask), at, draftId });
      return { unit: priceMessage(unit), plan };
    }),
  });

const promotionService = (prices: PriceUseCases): BoundService =>
  grpcService(PromotionServiceService, {
    redeemPromotion: method(allow('owner', 'admin', { scope: 'payments:write' }), async (request, { principal }) => ({
      redemption: redemptionMessage(await prices.redeemPromotion(principal.tenantId, request)),
    })),
    listRedemptions: method(allowAny({ scope: 'wallet:read' }), async ({ page }, { principal }) => {
      const { redemptions, nextCursor } = await prices.listRedemptions(principal.tenantId, pageOf(page));
      return { redemptions: redemptions.map(redemptionMessage), nextCursor };
    }),
    createPromotion: method(operators, async ({ idempotencyKey, promotion }, { principal }) => ({
      promotion: promotionMessage(
        await prices.createPromotion(principal.subject, { ...(promotion ?? Promotion.create()), idempotencyKey }),
      ),
    })),
    listPromotions: method(operators, async ({ page }) => {
      const { promotions, nextCursor } = await prices.listPromotions(pageOf(page));
      return { promotions: promotions.map(promotionMessage), nextCursor };
    }),
    endPromotion: method(operators, async ({ id }) => ({ promotion: promotionMessage(await prices.endPromotion(id)) })),
  });

export const billingPriceServices = (prices: PriceUseCases): readonly BoundService[] => [
  priceService(prices),
  priceBookService(prices),
  promotionService(prices),
];
