import { newId } from '#platform/ids/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import { keptMs } from '../../domain/webhooks/delivery.ts';
import { bodyOf, eventTypeOf, filtersOf, type PublicEvent } from '../../domain/webhooks/event-types.ts';
import type { Bodies, FanOut, NewWebhookDelivery } from './ports.ts';

/** Of these tenants, those that have an endpoint to tell at all. */
export const tenantsWithEndpoints =
  ({ store, clock }: { readonly store: Pick<FanOut, 'subscribers'>; readonly clock: Clock }) =>
  async (tenantIds: readonly string[]): Promise<ReadonlySet<string>> => {
    if (tenantIds.length === 0) return new Set();
    const found = await store.subscribers([...new Set(tenantIds)], addMs(clock.now(), -keptMs));
    return new Set(found.map(({ tenantId }) => tenantId));
  };

/** One delivery for each (event, endpoint that wants it). Most batches concern no endpoint at all: one query finds out. */
export const fanOut =
  ({ store, bodies, clock }: { readonly store: FanOut; readonly bodies: Pick<Bodies, 'seal'>; readonly clock: Clock }) =>
  async (events: readonly PublicEvent[]): Promise<number> => {
    if (events.length === 0) return 0;
    const now = clock.now();
    const tenantIds = [...new Set(events.map(({ tenantId }) => tenantId))];
    const subscribers = Map.groupBy(await store.subscribers(tenantIds, addMs(now, -keptMs)), (each) => each.tenantId);
    const deliveries: NewWebhookDelivery[] = [];
    for (const event of events) {
      const filters = filtersOf(event.type);
      const interested = (subscribers.get(event.tenantId) ?? []).filter(({ eventTypes }) =>
        eventTypes.some((each) => filters.includes(each)),
      );
      const body = interested.length === 0 ? '' : bodyOf(event);
      for (const { id: endpointId } of interested) {
        const sealed = bodies.seal({ tenantId: event.tenantId, endpointId }, body);
        deliveries.push({ id: newId(), endpointId, event, body: sealed, complete: !eventTypeOf(event.type).details });
      }
    }
    if (deliveries.length > 0) await store.add(deliveries, now);
    return deliveries.length;
  };
