import { formatDecimal } from '#platform/money/index.ts';
import type { RentalBook, RentalMessage, SimulatedRental } from '../../../app/rental-book.ts';
import type { Links } from './objects.ts';

/** Rentals as the API's own description (v2) has them: a sale, its reservation, and what kind of rental that is. */
const iso = (ms: number): string => new Date(ms).toISOString();
const link = (method: string, href: string): object => ({ method, href });
const national = ({ phone }: SimulatedRental): string => phone.replace(/^1/, '');

export const kindOf = ({ renewable }: SimulatedRental): 'renewable' | 'nonrenewable' => (renewable ? 'renewable' : 'nonrenewable');
export const rentalHref = ({ base }: Links, rental: SimulatedRental): string =>
  `${base}/reservations/rental/${kindOf(rental)}/${rental.id}`;
export const saleIdOf = ({ id }: SimulatedRental): string => `sale_${id.replace(/^lr_/, '')}`;
export const saleHref = ({ base }: Links, rental: SimulatedRental): string => `${base}/sales/${saleIdOf(rental)}`;
export const cycleIdOf = ({ id }: SimulatedRental): string => `bc_${id.replace(/^lr_/, '')}`;
const cycleHref = ({ base }: Links, rental: SimulatedRental): string => `${base}/billing-cycles/${cycleIdOf(rental)}`;

const stateOf = (rental: SimulatedRental): string => {
  const states = { active: 'Active', finished: 'Expired', cancelled: 'Refunded' } as const;
  return `${kindOf(rental)}${states[rental.state]}`;
};

const common = (links: Links, rental: SimulatedRental): object => ({
  id: rental.id,
  createdAt: iso(rental.startedAtMs),
  serviceName: rental.service,
  state: stateOf(rental),
  number: national(rental),
  alwaysOn: true,
  sale: link('GET', saleHref(links, rental)),
  saleId: saleIdOf(rental),
  ...(rental.renewable && {
    billingCycle: link('GET', cycleHref(links, rental)),
    billingCycleId: cycleIdOf(rental),
    isIncludedForNextRenewal: rental.includedForRenewal,
  }),
});

export const compactRental = (links: Links, rental: SimulatedRental): object => ({
  ...common(links, rental),
  link: link('GET', rentalHref(links, rental)),
});

export const expandedRental = (links: Links, rental: SimulatedRental, book: Pick<RentalBook, 'refundableUntilMs'>): object => {
  const until = book.refundableUntilMs(rental);
  return {
    ...common(links, rental),
    sms: link('GET', `${links.base}/sms?reservationId=${rental.id}`),
    calls: link('GET', `${links.base}/calls?reservationId=${rental.id}`),
    refund: {
      canRefund: until !== undefined,
      link: link('POST', `${rentalHref(links, rental)}/refund`),
      refundableUntil: until === undefined ? null : iso(until),
    },
    // Only the end of a billing cycle says when a renewable one is over.
    ...(!rental.renewable && { endsAt: iso(rental.endsAtMs) }),
  };
};

export const cycle = (rental: SimulatedRental): object => ({
  id: cycleIdOf(rental),
  renewedThrough: iso(rental.endsAtMs),
  billingCycleEndsAt: iso(rental.endsAtMs),
  nextAutoRenewAttempt: null,
  emailNotificationsEnabled: false,
  state: rental.state === 'active' ? 'active' : 'expired',
});

export const sale = (links: Links, rental: SimulatedRental): object => ({
  id: saleIdOf(rental),
  createdAt: iso(rental.startedAtMs),
  updatedAt: iso(rental.startedAtMs),
  state: 'succeeded',
  total: Number(formatDecimal(rental.costMicros)),
  reservations: [
    { id: rental.id, link: link('GET', rentalHref(links, rental)), reservationType: kindOf(rental), serviceName: rental.service },
  ],
  backOrderReservations: [],
});

export const rentalSms = (rental: SimulatedRental, message: RentalMessage): object => ({
  id: `sms_${message.id}`,
  ...smsFields(rental, message),
});

const smsFields = (rental: SimulatedRental, { from, text, atMs }: RentalMessage): object => ({
  ...{
    from,
    to: national(rental),
    createdAt: iso(atMs),
    smsContent: text,
    parsedCode: /\d{4,8}/.exec(text)?.[0] ?? null,
    encrypted: false,
  },
});

/** The body of the webhook `v2.sms.received`. */
export const rentalSmsEvent = (rental: SimulatedRental, message: RentalMessage): object => ({
  id: `evt-${message.id}`,
  event: 'v2.sms.received',
  attempt: 1,
  occurredAt: iso(message.atMs),
  data: { ...smsFields(rental, message), reservationId: rental.id },
});
