import { events } from '#events';
import { type OutboxRow, outboxRow } from '#platform/messaging/outbox.ts';
import type { RentalEvent } from '../../app/rental/ports.ts';

/** An event of a rental as its outbox row. No text, number or customer goes along. */
export const rentalRowOf =
  (now: () => Date) =>
  ({ kind, rental, order }: RentalEvent): OutboxRow =>
    outboxRow(events.rental[kind], {
      tenantId: rental.tenantId,
      aggregateId: rental.id,
      aggregateVersion: rental.version,
      occurredAt: now(),
      payload: {
        rentalId: rental.id,
        service: rental.service,
        country: rental.country,
        provider: rental.provider,
        endsAt: rental.endsAt ?? undefined,
        autoRenew: rental.autoRenew,
        price: order && { currency: order.currency, micros: order.priceMicros },
        reason: (kind === 'renewalFailed' ? order?.reason : rental.reason) ?? '',
      },
    });
