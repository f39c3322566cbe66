import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { DeliveryKind, Facts } from '../domain/delivery.ts';
import type { Deliveries } from './ports.ts';

/** Notes that somebody is to get a mail; sending is another's work. */
export const requestDelivery =
  ({ deliveries, clock }: { readonly deliveries: Pick<Deliveries, 'add'>; readonly clock: Clock }) =>
  (event: { readonly id: string; readonly tenantId: string }, kind: DeliveryKind, subjectId: string, facts: Facts = {}): Promise<void> =>
    deliveries.add({ id: newId(), tenantId: event.tenantId, kind, subjectId, facts, eventId: event.id, createdAt: clock.now() });
