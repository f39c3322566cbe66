import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import { type Offer, offerOf, refuseAbove } from '../../domain/catalogue.ts';
import type { Rental, RentalOrder } from '../../domain/rental/rental.ts';
import { type Duration, durationNamed, durations, listPrice } from '../../domain/rental/terms.ts';
import { refusalError } from '../policy/refusal.ts';
import { refuseBlocked } from '../policy/refuse-blocked.ts';
import { failureOf, placeOrder, recoverAt } from './place-order.ts';
import type { RentalPorts, RentalProvider, Wanted } from './ports.ts';

export interface CreateRentalRequest {
  readonly tenantId: string;
  /** Empty: this request is never repeated. */
  readonly idempotencyKey: string;
  readonly service: string;
  readonly country: string;
  readonly duration: string;
  readonly autoRenew: boolean;
  readonly maxPrice: Money | undefined;
}

export const durationFor = (name: string): Duration => {
  const duration = durationNamed(name);
  if (duration) return duration;
  const reason = `Must be one of ${durations.map((one) => one.name).join(', ')}.`;
  throw appError('request.invalid', { fields: [{ field: 'duration', reason }] });
};

/** @throws verification.not_offered */
export const rentable = (ports: Pick<RentalPorts, 'catalogue'>, wanted: { service: string; country: string }): Offer =>
  offerOf(ports.catalogue, { ...wanted, capability: '' });

/**
 * Whom a purchase names at first. One that is switched off comes last: it is what the purchase is refused for when there is no other.
 * @throws verification.not_offered when nobody rents it for so long
 */
const sellerOf = ({ providers, policy }: RentalPorts, wanted: Wanted): RentalProvider => {
  const sellers = providers.sellers(wanted);
  const off = new Set(policy.providersOff());
  const seller = sellers.find(({ name }) => !off.has(name)) ?? sellers[0];
  if (seller === undefined) throw appError('verification.not_offered');
  return seller;
};

/** @throws what the order failed with, once and whenever its key is used again */
export const answerOrder = async (ports: RentalPorts, tenantId: string, orderId: string): Promise<Rental> => {
  const order = await ports.store.findOrder(tenantId, orderId);
  const failure = order && failureOf(order);
  if (failure) throw failure;
  const rental = order && (await ports.store.find(tenantId, order.rentalId));
  if (!rental) throw appError('request.not_found');
  return rental;
};

/**
 * Rents a number: price → policy and row → hold → provider → row, as a verification is bought. `ordering` without a number means that the
 * provider's answer is being looked for.
 * @throws verification.not_offered | service_blocked | kyc_required | switched_off | limit_reached | price_exceeded | no_numbers | provider_unavailable,
 *   billing.insufficient_credit | no_price, request.invalid | idempotency_conflict, platform.unavailable (repeat with the same key)
 */
export const createRental =
  (ports: RentalPorts) =>
  async (request: CreateRentalRequest): Promise<Rental> => {
    const { tenantId, autoRenew, maxPrice } = request;
    const duration = durationFor(request.duration);
    const offer = rentable(ports, request);
    const { service, country, price } = offer;
    const limit = maxPrice ? `${maxPrice.currency}:${maxPrice.micros}` : '';
    const requestHash = ['rent', service.code, country.code, duration.name, autoRenew, limit].join('|');
    if (request.idempotencyKey !== '') {
      const earlier = await ports.store.orderByKey(tenantId, request.idempotencyKey);
      if (earlier) return replay(ports, earlier, requestHash);
    }
    await refuseBlocked(ports, tenantId, offer);
    const seller = sellerOf(ports, { service, country, hours: duration.hours });
    const list = listPrice(price, duration);
    const quote = await ports.prices.quote(tenantId, {
      service: service.code,
      country: country.code,
      duration: duration.name,
      listPrice: list,
    });
    refuseAbove(maxPrice, quote.price);
    const now = ports.clock.now();
    const [rentalId, orderId] = [newId(), newId()];
    const order: RentalOrder = {
      ...{ id: orderId, rentalId, tenantId, kind: 'purchase', idempotencyKey: request.idempotencyKey || `auto:${orderId}`, requestHash },
      ...{ state: 'reserving', version: 1, hours: duration.hours, currency: quote.price.currency, priceMicros: quote.price.micros },
      ...{ listMicros: list.micros, quoteId: quote.id, holdId: null, reason: null, createdAt: now, refundMicros: 0n, attempts: 0 },
      ...{ askedAt: null, costMicros: 0n },
      ...{ deadline: addMs(now, ports.timing.purchaseMs), coversFrom: null, coversTo: null },
      dueAt: recoverAt({ deadline: addMs(now, ports.timing.purchaseMs) }, ports),
    };
    const rental: Rental = {
      ...{ id: rentalId, tenantId, state: 'ordering', version: 1, service: service.code, country: country.code },
      ...{ provider: seller.name, providerRentalId: null, phoneNumber: null, hours: duration.hours, autoRenew },
      ...{ openOrderId: orderId, reason: null, createdAt: now, startedAt: null, endsAt: null, warnedFor: null, endedAt: null },
      ...{ dueAt: null, attempts: 0, currency: quote.price.currency, chargedMicros: 0n, refundedMicros: 0n },
    };
    const reserved = await ports.store.reserve(rental, order, service.policyClass);
    if (reserved.kind === 'known') return replay(ports, reserved.order, requestHash);
    if (reserved.kind === 'refused') throw refusalError(reserved.refused);
    await placeOrder(ports, rental, order);
    return answerOrder(ports, tenantId, orderId);
  };

const replay = (ports: RentalPorts, earlier: RentalOrder, requestHash: string): Promise<Rental> => {
  if (earlier.requestHash !== requestHash) throw appError('request.idempotency_conflict');
  return answerOrder(ports, earlier.tenantId, earlier.id);
};
