import { events } from '#events';
import { type OutboxRow, outboxRow } from '#platform/messaging/outbox.ts';
import type { RentalEvent } from '../../app/rental/ports.ts';
import { durationOf } from '../../domain/rental/terms.ts';

/** An event of a rental, the `sequence`th that is told of it, as its outbox row. No text, number or customer goes along. */
export const rentalRowOf =
  (now: () => Date) =>
  ({ kind, rental, order, messageId = '', refunded, reason }: RentalEvent, sequence: number): OutboxRow =>
    outboxRow(events.rental[kind], {
      tenantId: rental.tenantId,
      aggregateId: rental.id,
      aggregateVersion: sequence,
      occurredAt: now(),
      payload: {
        rentalId: rental.id,
        service: rental.service,
        country: rental.country,
        provider: rental.provider,
        endsAt: rental.endsAt ?? undefined,
        autoRenew: rental.autoRenew,
        price: order && { currency: order.currency, micros: order.priceMicros },
        reason: reason ?? (kind === 'renewalFailed' ? order?.reason : rental.reason) ?? '',
        messageId,
        refunded,
        duration: durationOf(rental.hours)?.name ?? `${rental.hours}h`,
      },
    });
