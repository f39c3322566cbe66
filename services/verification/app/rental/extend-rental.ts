import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs, hourMs } from '#platform/time/index.ts';
import { refuseAbove } from '../../domain/catalogue.ts';
import type { Rental, RentalOrder } from '../../domain/rental/rental.ts';
import { type Duration, listPrice, maxHours } from '../../domain/rental/terms.ts';
import { refusalError } from '../policy/refusal.ts';
import { refuseBlocked } from '../policy/refuse-blocked.ts';
import { answerOrder, durationFor, rentable } from './create-rental.ts';
import { placeOrder, recoverAt } from './place-order.ts';
import type { RentalPorts } from './ports.ts';

export interface ExtendRentalRequest {
  readonly tenantId: string;
  readonly id: string;
  readonly idempotencyKey: string;
  readonly duration: string;
  readonly maxPrice: Money | undefined;
}

/** Another change of this rental is not decided yet, or it has ended. */
export const notNow = (rental: Rental): Error =>
  rental.openOrderId === null
    ? appError('verification.not_cancellable', { message: `The rental is ${rental.state}.` })
    : appError('platform.unavailable', { message: 'An order for this rental has no answer yet.', retryAfterMs: 2_000 });

/**
 * A longer time for the same number: an order of its own, with the discipline of a purchase.
 * @throws as createRental; verification.not_cancellable when it has ended; request.not_found
 */
export const extendRental =
  (ports: RentalPorts) =>
  async (request: ExtendRentalRequest): Promise<Rental> => {
    const { tenantId, id, maxPrice } = request;
    const duration = durationFor(request.duration);
    const limit = maxPrice ? `${maxPrice.currency}:${maxPrice.micros}` : '';
    const requestHash = ['extend', id, duration.name, limit].join('|');
    if (request.idempotencyKey !== '') {
      const earlier = await ports.store.orderByKey(tenantId, request.idempotencyKey);
      if (earlier) {
        if (earlier.requestHash !== requestHash) throw appError('request.idempotency_conflict');
        return answerOrder(ports, tenantId, earlier.id);
      }
    }
    const rental = await ports.store.find(tenantId, id);
    if (!rental) throw appError('request.not_found');
    return orderMore(ports, rental, { kind: 'extension', key: request.idempotencyKey, requestHash, duration, maxPrice });
  };

export const orderMore = async (
  ports: RentalPorts,
  rental: Rental,
  wanted: {
    readonly kind: 'extension' | 'renewal';
    readonly key: string;
    readonly requestHash: string;
    readonly duration: Duration;
    readonly maxPrice: Money | undefined;
  },
): Promise<Rental> => {
  const now = ports.clock.now();
  const { duration, kind } = wanted;
  if (rental.state !== 'active' || rental.openOrderId !== null || rental.endsAt === null || rental.endsAt <= now) throw notNow(rental);
  if (addMs(rental.endsAt, duration.hours * hourMs) > addMs(now, maxHours * hourMs))
    throw appError('request.invalid', { fields: [{ field: 'duration', reason: 'The rental would end more than a year from now.' }] });
  const offer = rentable(ports, rental);
  const { service, country, price } = offer;
  await refuseBlocked(ports, rental.tenantId, offer);
  const list = listPrice(price, duration);
  const ask = { service: service.code, country: country.code, duration: duration.name, listPrice: list };
  const quote = await ports.prices.quote(rental.tenantId, ask);
  refuseAbove(wanted.maxPrice, quote.price);
  const id = newId();
  const deadline = addMs(now, ports.timing.purchaseMs);
  const order: RentalOrder = {
    ...{ id, rentalId: rental.id, tenantId: rental.tenantId, kind, idempotencyKey: wanted.key || `auto:${id}` },
    ...{ requestHash: wanted.requestHash, state: 'reserving', version: 1, hours: duration.hours, currency: quote.price.currency },
    ...{ priceMicros: quote.price.micros, listMicros: list.micros, quoteId: quote.id, holdId: null, reason: null, createdAt: now },
    ...{
      deadline,
      coversFrom: null,
      coversTo: null,
      refundMicros: 0n,
      askedAt: null,
      costMicros: 0n,
      dueAt: recoverAt({ deadline }, ports),
      attempts: 0,
    },
  };
  const waiting: Rental = { ...rental, version: rental.version + 1, openOrderId: id };
  const reserved = await ports.store.reserveMore({ from: rental, to: waiting }, order, service.policyClass);
  if (reserved.kind === 'known') {
    // The same key at the same moment: the other one's order is the answer.
    if (reserved.order.requestHash !== wanted.requestHash) throw appError('request.idempotency_conflict');
    return answerOrder(ports, rental.tenantId, reserved.order.id);
  }
  if (reserved.kind === 'refused') throw refusalError(reserved.refused);
  if (reserved.kind === 'lost') throw notNow((await ports.store.find(rental.tenantId, rental.id)) ?? rental);
  await placeOrder(ports, waiting, order);
  return answerOrder(ports, rental.tenantId, id);
};
