import { RentalServiceService } from '#proto/namaskah/verification/v1/rentals.ts';
import { allow, allowAny, type BoundService, grpcService, method, streamMethod } from '#platform/grpc/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import type { createRental } from '../../app/rental/create-rental.ts';
import type { exportRentalMessages, exportRentals } from '../../app/rental/export-rentals.ts';
import type { extendRental } from '../../app/rental/extend-rental.ts';
import type { getRental, listRentalMessages, listRentals, rentalOffers, setAutoRenew } from '../../app/rental/read-rentals.ts';
import type { releaseRental } from '../../app/rental/release-rental.ts';
import { fromLastId, toLastId } from './mapping.ts';
import { toRental, toRentalFilter } from './rental-mapping.ts';

export interface RentalUseCases {
  readonly rentalOffers: ReturnType<typeof rentalOffers>;
  readonly createRental: ReturnType<typeof createRental>;
  readonly getRental: ReturnType<typeof getRental>;
  readonly listRentals: ReturnType<typeof listRentals>;
  readonly listRentalMessages: ReturnType<typeof listRentalMessages>;
  readonly exportRentals: ReturnType<typeof exportRentals>;
  readonly exportRentalMessages: ReturnType<typeof exportRentalMessages>;
  readonly extendRental: ReturnType<typeof extendRental>;
  readonly releaseRental: ReturnType<typeof releaseRental>;
  readonly setAutoRenew: ReturnType<typeof setAutoRenew>;
}

const write = allow('owner', 'admin', 'staff', { scope: 'verifications:write' });
const read = allowAny({ scope: 'verifications:read' });

export const rentalService = (rentals: RentalUseCases): BoundService =>
  grpcService(RentalServiceService, {
    listRentalOffers: method(read, async ({ service, country }, { principal }) => ({
      offers: (await rentals.rentalOffers({ tenantId: principal.tenantId, service, country })).map((offer) => ({ ...offer })),
    })),
    createRental: method(write, async (request, { principal }) => ({
      rental: toRental(await rentals.createRental({ ...request, maxPrice: request.maxPrice, tenantId: principal.tenantId })),
    })),
    getRental: method(read, async ({ id }, { principal }) => ({
      rental: toRental(await rentals.getRental({ tenantId: principal.tenantId, id })),
    })),
    listRentals: method(read, async ({ page, status, service, country, filter }, { principal }) => {
      const asked = { statuses: status === '' ? [] : [status], service, country, createdFrom: undefined, createdTo: undefined };
      const { rentals: rows, next } = await rentals.listRentals({
        tenantId: principal.tenantId,
        ...toRentalFilter(filter ?? asked),
        before: toLastId(page?.cursor),
        limit: pageLimit(page?.limit),
      });
      return { rentals: rows.map(toRental), nextCursor: fromLastId(next) };
    }),
    listRentalMessages: method(read, async ({ id, page }, { principal }) => {
      const query = { tenantId: principal.tenantId, id, before: toLastId(page?.cursor), limit: pageLimit(page?.limit) };
      const { messages, next } = await rentals.listRentalMessages(query);
      return { messages: messages.map((message) => ({ ...message })), nextCursor: fromLastId(next) };
    }),
    exportRentals: streamMethod(read, async function* exported({ filter }, { principal: { tenantId } }) {
      for await (const batch of rentals.exportRentals(tenantId, toRentalFilter(filter))) yield { rentals: batch.map(toRental) };
    }),
    exportRentalMessages: streamMethod(read, async function* exported({ id }, { principal: { tenantId } }) {
      for await (const batch of rentals.exportRentalMessages({ tenantId, id }))
        yield { messages: batch.map((message) => ({ ...message })) };
    }),
    extendRental: method(write, async (request, { principal }) => ({
      rental: toRental(await rentals.extendRental({ ...request, maxPrice: request.maxPrice, tenantId: principal.tenantId })),
    })),
    releaseRental: method(write, async ({ id }, { principal }) => ({
      rental: toRental(await rentals.releaseRental({ tenantId: principal.tenantId, id })),
    })),
    setAutoRenew: method(write, async ({ id, autoRenew }, { principal }) => ({
      rental: toRental(await rentals.setAutoRenew({ tenantId: principal.tenantId, id, autoRenew })),
    })),
  });
