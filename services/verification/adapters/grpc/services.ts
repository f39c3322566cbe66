import {
  CatalogServiceService,
  type MarketFigures,
  ProviderPushServiceService,
  VerificationServiceService,
} from '#proto/namaskah/verification/v1/verification.ts';
import { allow, allowAny, type BoundService, grpcService, method, publicMethod } from '#platform/grpc/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import type { CatalogueBrowser } from '../../app/browse-catalogue.ts';
import type { cancelVerification } from '../../app/cancel-verification.ts';
import type { createVerification } from '../../app/create-verification.ts';
import type { getVerification } from '../../app/get-verification.ts';
import type { listVerifications } from '../../app/list-verifications.ts';
import type { priceOffers } from '../../app/price-offers.ts';
import type { PublishedFigures } from '../../app/market/publish-figures.ts';
import type { Figures } from '../../domain/market/figures.ts';
import type { RouteCodes } from '../../app/routing/ports.ts';
import { wishedProviders } from '../../app/routing/route-wishes.ts';
import type { quotePrice } from '../../app/quote-price.ts';
import type { receivePush } from '../../app/receive-push.ts';
import { fromLastId, fromPosition, fromPricePosition, toLastId, toMessage, toPosition, toPricePosition, toStatus } from './mapping.ts';

export interface UseCases {
  readonly catalogue: CatalogueBrowser;
  readonly codes: RouteCodes;
  readonly figures: PublishedFigures;
  readonly priceOffers: ReturnType<typeof priceOffers>;
  readonly quotePrice: ReturnType<typeof quotePrice>;
  readonly createVerification: ReturnType<typeof createVerification>;
  readonly getVerification: ReturnType<typeof getVerification>;
  readonly listVerifications: ReturnType<typeof listVerifications>;
  readonly cancelVerification: ReturnType<typeof cancelVerification>;
  readonly receivePush: ReturnType<typeof receivePush>;
}

const write = allow('owner', 'admin', 'staff', { scope: 'verifications:write' });
const read = allowAny({ scope: 'verifications:read' });
// Shown to visitors before they sign up; prices are the caller's own when he says who he is.
const browse = publicMethod();

/** What is not known is left out. */
const toMarket = ({ successRate, medianLatencyMs, stock }: Figures | undefined = noFigures): MarketFigures => ({
  ...(successRate === undefined ? {} : { successRate }),
  ...(medianLatencyMs === undefined ? {} : { medianLatencyMs: BigInt(medianLatencyMs) }),
  ...(stock === undefined ? {} : { stock }),
});
const noFigures: Figures = { successRate: undefined, medianLatencyMs: undefined, stock: undefined };

const catalogService = ({ catalogue, priceOffers, quotePrice, figures }: UseCases): BoundService =>
  grpcService(CatalogServiceService, {
    listServices: method(browse, async ({ page, search }) => {
      const { rows, next } = catalogue.services({ search, after: toPosition(page?.cursor), limit: pageLimit(page?.limit) });
      const market = await figures.ofServices(rows.map(({ service }) => service.code));
      return {
        services: rows.map(({ service, priceFrom, icon }, index) => ({
          code: service.code,
          name: service.name,
          category: service.category,
          policyClass: service.policyClass,
          icon,
          priceFrom,
          market: toMarket(market[index]),
        })),
        nextCursor: fromPosition(next),
      };
    }),
    listCountries: method(browse, ({ page, search }) => {
      const { rows, next } = catalogue.countries({ search, after: toPosition(page?.cursor), limit: pageLimit(page?.limit) });
      return { countries: rows.map(({ code, name, dialCode }) => ({ code, name, dialCode })), nextCursor: fromPosition(next) };
    }),
    listPrices: method(browse, async ({ page, service, country, capability = '' }, { principal }) => {
      const query = { service, country, capability, after: toPricePosition(page?.cursor), limit: pageLimit(page?.limit) };
      const { rows, next } = await priceOffers(principal?.tenantId, query);
      const market = await figures.ofOffers(rows);
      return { prices: rows.map((row, index) => ({ ...row, market: toMarket(market[index]) })), nextCursor: fromPricePosition(next) };
    }),
    quotePrice: method(write, async ({ operator = '', ...wanted }, { principal }) => {
      const { id, price, expiresAt } = await quotePrice({ ...wanted, operator, tenantId: principal.tenantId });
      return { quoteId: id, price, expiresAt };
    }),
  });

const verificationService = (useCases: UseCases): BoundService =>
  grpcService(VerificationServiceService, {
    createVerification: method(write, async (request, { principal }) => {
      const { idempotencyKey, service, country, capability, maxPrice, quoteId = '', operator = '', areaCode = '', routes } = request;
      const view = await useCases.createVerification({
        tenantId: principal.tenantId,
        idempotencyKey,
        service,
        country,
        capability,
        maxPrice,
        quoteId,
        actor: principal.subject,
        operator,
        areaCode,
        ...wishedProviders(useCases.codes, routes),
      });
      return { verification: toMessage(view) };
    }),
    getVerification: method(read, async ({ id }, { principal }) => ({
      verification: toMessage(await useCases.getVerification({ tenantId: principal.tenantId, id })),
    })),
    listVerifications: method(read, async ({ page, status, service, country }, { principal }) => {
      const { verifications, next } = await useCases.listVerifications({
        tenantId: principal.tenantId,
        statuses: [toStatus(status)].filter((known) => known !== undefined),
        service: service.toLowerCase() || undefined,
        country: country.toUpperCase() || undefined,
        before: toLastId(page?.cursor),
        limit: pageLimit(page?.limit),
      });
      return { verifications: verifications.map(toMessage), nextCursor: fromLastId(next) };
    }),
    cancelVerification: method(write, async ({ id }, { principal }) => ({
      verification: toMessage(await useCases.cancelVerification({ tenantId: principal.tenantId, id })),
    })),
  });

const pushService = (useCases: UseCases): BoundService =>
  grpcService(ProviderPushServiceService, {
    receivePush: method(publicMethod(), async ({ provider, secret, headers, rawBody }) => {
      await useCases.receivePush({ provider, secret, headers, body: rawBody });
      return {};
    }),
  });

export const grpcServices = (useCases: UseCases): readonly BoundService[] => [
  catalogService(useCases),
  verificationService(useCases),
  pushService(useCases),
];
