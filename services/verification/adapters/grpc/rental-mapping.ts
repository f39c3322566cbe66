import type { Rental as RentalMessage } from '#proto/namaskah/verification/v1/rentals.ts';
import type { Rental } from '../../domain/rental/rental.ts';
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
});
