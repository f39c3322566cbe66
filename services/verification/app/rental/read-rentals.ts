import { appError } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Rental } from '../../domain/rental/rental.ts';
import { durations, listPrice } from '../../domain/rental/terms.ts';
import { rentable } from './create-rental.ts';
import { nextLook } from './place-order.ts';
import type { RentalPorts, RentalQuery } from './ports.ts';
import { openMessages, type OpenedRentalMessage } from './rental-messages.ts';

/** @throws request.not_found */
export const getRental =
  ({ store }: Pick<RentalPorts, 'store'>) =>
  async ({ tenantId, id }: { readonly tenantId: string; readonly id: string }): Promise<Rental> => {
    const rental = await store.find(tenantId, id);
    if (!rental) throw appError('request.not_found');
    return rental;
  };

export const listRentals =
  ({ store }: Pick<RentalPorts, 'store'>) =>
  async (query: RentalQuery): Promise<{ readonly rentals: readonly Rental[]; readonly next: string | undefined }> => {
    const rows = await store.list({ ...query, limit: query.limit + 1 });
    const rentals = rows.slice(0, query.limit);
    return { rentals, next: rows.length > query.limit ? rentals.at(-1)?.id : undefined };
  };

/** Newest first. @throws request.not_found */
export const listRentalMessages =
  (ports: Pick<RentalPorts, 'store' | 'sealer'>) =>
  async (query: {
    readonly tenantId: string;
    readonly id: string;
    readonly before: string | undefined;
    readonly limit: number;
  }): Promise<{ readonly messages: readonly OpenedRentalMessage[]; readonly next: string | undefined }> => {
    const rental = await getRental(ports)(query);
    const rows = await ports.store.messages(rental.tenantId, rental.id, query.before, query.limit + 1);
    const page = rows.slice(0, query.limit);
    return { messages: await openMessages(ports, page), next: rows.length > query.limit ? page.at(-1)?.id : undefined };
  };

/** Every duration with what it costs this tenant now; what has no price for him is left out. */
export const rentalOffers =
  (ports: Pick<RentalPorts, 'catalogue' | 'prices' | 'policy'>) =>
  async (wanted: {
    readonly tenantId: string;
    readonly service: string;
    readonly country: string;
  }): Promise<readonly { readonly duration: string; readonly hours: number; readonly price: Money }[]> => {
    const { service, country, price } = rentable(ports, wanted);
    const own = service.policyClass === 'blocked' ? await ports.policy.ownClass(wanted.tenantId, service.code) : undefined;
    if (service.policyClass === 'blocked' && (own ?? 'blocked') === 'blocked') throw appError('verification.service_blocked');
    const asks = durations.map((one) => ({
      ...{ service: service.code, country: country.code, duration: one.name },
      listPrice: listPrice(price, one),
    }));
    const prices = await ports.prices.resolve(wanted.tenantId, asks);
    return durations.flatMap(({ name, hours }, index) => {
      const tenantPrice = prices[index];
      return tenantPrice === undefined ? [] : [{ duration: name, hours, price: tenantPrice }];
    });
  };

/** @throws request.not_found · verification.not_cancellable when it has ended */
export const setAutoRenew =
  (ports: RentalPorts) =>
  async (request: { readonly tenantId: string; readonly id: string; readonly autoRenew: boolean }): Promise<Rental> => {
    const rental = await getRental(ports)(request);
    const dueAt = nextLook(ports, { ...rental, autoRenew: request.autoRenew });
    const changed = await ports.store.setAutoRenew(rental.tenantId, rental.id, request.autoRenew, dueAt);
    if (!changed) throw appError('verification.not_cancellable', { message: `The rental is ${rental.state}.` });
    return changed;
  };
