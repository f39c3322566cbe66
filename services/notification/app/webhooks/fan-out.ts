import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { bodyOf, filtersOf, type PublicEvent } from '../../domain/webhooks/event-types.ts';
import type { FanOut, NewWebhookDelivery } from './ports.ts';

/** One delivery for each (event, endpoint that wants it). Most batches concern no endpoint at all: one query finds out. */
export const fanOut =
  ({ store, clock }: { readonly store: FanOut; readonly clock: Clock }) =>
  async (events: readonly PublicEvent[]): Promise<number> => {
    if (events.length === 0) return 0;
    const subscribers = Map.groupBy(await store.subscribers([...new Set(events.map(({ tenantId }) => tenantId))]), (each) => each.tenantId);
    const deliveries: NewWebhookDelivery[] = [];
    for (const event of events) {
      const filters = filtersOf(event.type);
      const interested = (subscribers.get(event.tenantId) ?? []).filter(({ eventTypes }) => eventTypes.some((each) => filters.includes(each)));
      const body = interested.length === 0 ? '' : bodyOf(event);
      for (const endpoint of interested) deliveries.push({ id: newId(), endpointId: endpoint.id, event, body });
    }
    if (deliveries.length > 0) await store.add(deliveries, clock.now());
    return deliveries.length;
  };
