import { appError } from '#platform/errors/index.ts';
import { money } from '#platform/money/index.ts';
import type { Rental as RentalMessage, RentalFilter as RentalFilterMessage } from '#proto/namaskah/verification/v1/rentals.ts';
import type { RentalFilter } from '../../app/rental/ports.ts';
import { type Rental, type RentalState, rentalStates } from '../../domain/rental/rental.ts';
import { durationOf } from '../../domain/rental/terms.ts';

export const toRental = (rental: Rental): RentalMessage => ({
  id: rental.id,
  status: rental.state,
  service: rental.service,
  country: rental.country,
  phoneNumber: rental.phoneNumber ?? '',
  duration: durationOf(rental.hours)?.name ?? `${rental.hours}h`,
  autoRenew: rental.autoRenew,
  reason: rental.reason ?? '',
  createdAt: rental.createdAt,
  startedAt: rental.startedAt ?? undefined,
  endsAt: rental.endsAt ?? undefined,
  endedAt: rental.endedAt ?? undefined,
  version: BigInt(rental.version),
  charged: money(rental.currency, rental.chargedMicros),
  refunded: money(rental.currency, rental.refundedMicros),
});

const invalid = (field: string, reason: string): Error => appError('request.invalid', { fields: [{ field, reason }] });

const toState = (text: string): RentalState => {
  const state = rentalStates.find((known) => known === text);
  if (state === undefined) throw invalid('status', `must be one of ${rentalStates.join(', ')}`);
  return state;
};

/** @throws request.invalid on field "status" or "createdTo" */
export const toRentalFilter = (filter: RentalFilterMessage | undefined): RentalFilter => {
  const { statuses = [], service = '', country = '', createdFrom, createdTo } = filter ?? {};
  if (statuses.length > rentalStates.length) throw invalid('status', 'names each status once at most');
  if (createdFrom && createdTo && createdFrom >= createdTo) throw invalid('createdTo', 'must be later than createdFrom');
  return {
    states: statuses.map(toState),
    service: service.toLowerCase() || undefined,
    country: country.toUpperCase() || undefined,
    ...{ createdFrom, createdTo },
  };
};
