import type { FastifyRequest } from 'fastify';
import { formatDecimal } from '#platform/money/index.ts';
import type { RentalBook, SimulatedRental } from '../../../app/rental-book.ts';
import { isServiceCode } from '../../../domain/services.ts';
import { type Action, type Answer, type Links, notFound, refusal, type Refusal } from './objects.ts';
import { compactRental, cycle, cycleIdOf, expandedRental, kindOf, rentalHref, sale, saleHref, saleIdOf } from './rental-objects.ts';

const hoursOf: Readonly<Record<string, number>> = {
  oneDay: 24,
  threeDay: 72,
  sevenDay: 168,
  fourteenDay: 336,
  thirtyDay: 720,
  ninetyDay: 2_160,
  oneYear: 8_760,
};
const numberTypes: ReadonlySet<unknown> = new Set(['mobile', 'voip', 'landline']);
const capabilities: ReadonlySet<unknown> = new Set(['sms', 'voice', 'smsAndVoiceCombo']);

interface Wish {
  readonly serviceName?: unknown;
  readonly duration?: unknown;
  readonly numberType?: unknown;
  readonly capability?: unknown;
  readonly isRenewable?: unknown;
  readonly alwaysOn?: unknown;
  readonly allowBackOrderReservations?: unknown;
  readonly areaCode?: unknown;
}
const ok = (body: object): Answer => ({ status: 200, body });
const bodyOf = (request: FastifyRequest): Readonly<Record<string, unknown>> => (request.body ?? {}) as Record<string, unknown>;
const idOf = (request: FastifyRequest): string => (request.params as { id?: string }).id ?? '';
const unavailable = refusal(400, 'Unavailable', 'The requested rental is out of stock.');
const poor = refusal(400, 'InsufficientBalance', 'The balance is too low.');
const dead = refusal(400, 'ProcessingError', 'The rental is not active.');
const tooLong = refusal(400, 'ProcessingError', 'The rental would be too long.');

const wishOf = (body: Wish): { service: string; hours: number; renewable: boolean } | Refusal => {
  const hours = typeof body.duration === 'string' ? hoursOf[body.duration] : undefined;
  const flags = [body.isRenewable, body.alwaysOn].every((flag) => typeof flag === 'boolean');
  if (hours === undefined || !flags || !numberTypes.has(body.numberType) || !capabilities.has(body.capability))
    return refusal(400, 'BadRequest', 'duration, numberType, capability, isRenewable and alwaysOn are needed.');
  if (typeof body.serviceName !== 'string' || !isServiceCode(body.serviceName))
    return refusal(400, 'InvalidServiceName', 'This service name is not known.');
  return { service: body.serviceName, hours, renewable: body.isRenewable === true };
};

export interface RentalRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Named in `nextFaultsOf` behind `textVerified`. */
  readonly action: string;
  readonly run: Action;
}

/** Rentals of TextVerified v2: price, purchase by a sale, both kinds of rental, extension, billing cycles and refund. */
export const rentalRoutes = (parts: {
  readonly book: RentalBook;
  readonly countryId: number;
  readonly page: (rows: readonly object[], request: FastifyRequest, href: string) => object;
}): readonly RentalRoute[] => {
  const { book, countryId, page } = parts;
  const made = new Map<string, string>();
  const found = (id: string): SimulatedRental | undefined => book.get('textverified', id);
  const by = (of: (rental: SimulatedRental) => string, id: string): SimulatedRental | undefined =>
    book.of('textverified').find((rental) => of(rental) === id);
  const withRental =
    (
      find: (id: string) => SimulatedRental | undefined,
      run: (rental: SimulatedRental, links: Links, request: FastifyRequest) => Answer,
    ): Action =>
    (request, links) => {
      const rental = find(idOf(request));
      return rental === undefined ? notFound : run(rental, links, request);
    };
  const ofKind =
    (kind: 'renewable' | 'nonrenewable') =>
    (id: string): SimulatedRental | undefined => {
      const rental = found(id);
      return rental !== undefined && kindOf(rental) === kind ? rental : undefined;
    };
  const extended = (rental: SimulatedRental, hours: number, body: object): Answer => {
    switch (book.extend(rental, hours)) {
      case 'extended':
        return ok(body);
      case 'ended':
        return dead;
      case 'too_long':
        return tooLong;
      case 'no_balance':
        return poor;
    }
  };

  const price: Action = (request) => {
    const body = bodyOf(request);
    const wish = wishOf(body);
    if ('errorCode' in wish) return wish;
    if (typeof body['areaCode'] !== 'boolean') return refusal(400, 'BadRequest', 'areaCode is needed.');
    return ok({ serviceName: wish.service, price: Number(formatDecimal(book.costOf({ ...wish, countryId }))) });
  };
  const create: Action = (request, links) => {
    const body = bodyOf(request);
    const wish = wishOf(body);
    if ('errorCode' in wish) return wish;
    if (typeof body['allowBackOrderReservations'] !== 'boolean') return refusal(400, 'BadRequest', 'allowBackOrderReservations is needed.');
    const key = request.headers['idempotency-key'];
    const known = typeof key === 'string' ? found(made.get(key) ?? '') : undefined;
    const created = (rental: SimulatedRental): Answer => {
      const href = saleHref(links, rental);
      return { status: 201, body: { method: 'GET', href }, location: href };
    };
    if (known !== undefined) return created(known);
    const outcome = book.rent({ market: 'textverified', countryId, ...wish });
    if (outcome.kind !== 'rented') return outcome.kind === 'no_balance' ? poor : unavailable;
    if (typeof key === 'string') made.set(key, outcome.rental.id);
    return created(outcome.rental);
  };
  const extend: Action = (request) => {
    const { rentalId, extensionDuration } = bodyOf(request);
    const hours = typeof extensionDuration === 'string' ? hoursOf[extensionDuration] : undefined;
    const rental = typeof rentalId === 'string' ? ofKind('nonrenewable')(rentalId) : undefined;
    if (hours === undefined) return refusal(400, 'BadRequest', 'extensionDuration is needed.');
    if (rental === undefined) return refusal(400, 'BadRequest', 'There is no such non-renewable rental.');
    return extended(rental, hours, { rentalId: rental.id, extensionDuration: String(extensionDuration) });
  };
  const ofOneKind = (kind: 'renewable' | 'nonrenewable'): RentalRoute[] => [
    {
      ...{ method: 'GET', path: `/reservations/rental/${kind}`, action: 'RentalList' },
      run: (request, links) => {
        const rows = book.of('textverified').filter((rental) => kindOf(rental) === kind);
        const href = `${links.base}/reservations/rental/${kind}`;
        return ok(
          page(
            rows.map((rental) => compactRental(links, rental)),
            request,
            href,
          ),
        );
      },
    },
    {
      ...{ method: 'GET', path: `/reservations/rental/${kind}/:id`, action: 'RentalRead' },
      run: withRental(ofKind(kind), (rental, links) => ok(expandedRental(links, rental, book))),
    },
    {
      ...{ method: 'POST', path: `/reservations/rental/${kind}/:id`, action: 'RentalUpdate' },
      run: withRental(ofKind(kind), (rental, _links, request) => {
        const { includeForRenewal } = bodyOf(request);
        if (typeof includeForRenewal === 'boolean' && rental.renewable) rental.includedForRenewal = includeForRenewal;
        return { status: 200 };
      }),
    },
    {
      ...{ method: 'POST', path: `/reservations/rental/${kind}/:id/refund`, action: 'RentalRefund' },
      run: withRental(ofKind(kind), (rental) =>
        book.refund(rental) ? { status: 200 } : refusal(400, 'ProcessingError', 'The rental is not refundable.'),
      ),
    },
  ];

  return [
    { method: 'POST', path: '/pricing/rentals', action: 'RentalPrice', run: price },
    { method: 'POST', path: '/reservations/rental', action: 'RentalCreate', run: create },
    { method: 'POST', path: '/reservations/rentals/extensions', action: 'RentalExtend', run: extend },
    ...ofOneKind('renewable'),
    ...ofOneKind('nonrenewable'),
    {
      ...{ method: 'GET', path: '/reservations/:id', action: 'Reservation' },
      run: withRental(found, (rental, links) => ok({ method: 'GET', href: rentalHref(links, rental) })),
    },
    {
      ...{ method: 'GET', path: '/sales/:id', action: 'Sale' },
      run: withRental(
        (id) => by(saleIdOf, id),
        (rental, links) => ok(sale(links, rental)),
      ),
    },
    {
      ...{ method: 'GET', path: '/billing-cycles/:id', action: 'BillingCycle' },
      run: withRental(
        (id) => by(cycleIdOf, id),
        (rental) => (rental.renewable ? ok(cycle(rental)) : notFound),
      ),
    },
    {
      ...{ method: 'POST', path: '/billing-cycles/:id/renew', action: 'BillingRenew' },
      run: withRental(
        (id) => by(cycleIdOf, id),
        (rental) =>
          rental.renewable && rental.includedForRenewal
            ? extended(rental, rental.hours, { id: `inv_${rental.endsAtMs}`, isPaidFor: true })
            : refusal(400, 'ProcessingError', 'No rental is included for renewal.'),
      ),
    },
  ];
};
