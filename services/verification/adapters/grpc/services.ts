import {
  CatalogServiceService,
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
import type { receivePush } from '../../app/receive-push.ts';
import { fromLastId, fromPosition, fromPricePosition, toLastId, toMessage, toPosition, toPricePosition, toStatus } from './mapping.ts';

export interface UseCases {
  readonly catalogue: CatalogueBrowser;
  readonly createVerification: ReturnType<typeof createVerification>;
  readonly getVerification: ReturnType<typeof getVerification>;
  readonly listVerifications: ReturnType<typeof listVerifications>;
  readonly cancelVerification: ReturnType<typeof cancelVerification>;
  readonly receivePush: ReturnType<typeof receivePush>;
}

const write = allow('owner', 'admin', 'staff', { scope: 'verifications:write' });
const read = allowAny({ scope: 'verifications:read' });
// The same for every tenant, and shown to visitors before they sign up.
const browse = publicMethod();

const catalogService = ({ catalogue }: UseCases): BoundService =>
  grpcService(CatalogServiceService, {
    listServices: method(browse, ({ page, search }) => {
      const { rows, next } = catalogue.services({ search, after: toPosition(page?.cursor), limit: pageLimit(page?.limit) });
      return {
        services: rows.map(({ service, priceFrom }) => ({
          code: service.code,
          name: service.name,
          category: service.category,
          policyClass: service.policyClass,
          priceFrom,
        })),
        nextCursor: fromPosition(next),
      };
    }),
    listCountries: method(browse, ({ page, search }) => {
      const { rows, next } = catalogue.countries({ search, after: toPosition(page?.cursor), limit: pageLimit(page?.limit) });
      return { countries: rows.map(({ code, name, dialCode }) => ({ code, name, dialCode })), nextCursor: fromPosition(next) };
    }),
    listPrices: method(browse, ({ page, service, country }) => {
      const { rows, next } = catalogue.prices({ service, country, after: toPricePosition(page?.cursor), limit: pageLimit(page?.limit) });
      return { prices: rows.map((row) => ({ ...row })), nextCursor: fromPricePosition(next) };
    }),
  });

const verificationService = (useCases: UseCases): BoundService =>
  grpcService(VerificationServiceService, {
    createVerification: method(write, async (request, { principal }) => {
      const { idempotencyKey, service, country, capability, maxPrice } = request;
      const view = await useCases.createVerification({
        tenantId: principal.tenantId,
        idempotencyKey,
        service,
        country,
        capability,
        maxPrice,
      });
      return { verification: toMessage(view) };
    }),
    getVerification: method(read, async ({ id }, { principal }) => ({
      verification: toMessage(await useCases.getVerification({ tenantId: principal.tenantId, id })),
    })),
    listVerifications: method(read, async ({ page, status, service, country }, { principal }) => {
      const { verifications, next } = await useCases.listVerifications({
        tenantId: principal.tenantId,
        status: toStatus(status),
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
