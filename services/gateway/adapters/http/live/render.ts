/** Events as customers read them. Codes and numbers are not in events: verifications are read here, as many at once as there are. */
import { LRUCache } from 'lru-cache';
import type { LiveEvent } from '../../../app/live/event-window.ts';
import type { Caller } from '../../../app/ports.ts';
import type { Backends } from '../backends.ts';
import { edgeId } from '../mapping.ts';
import { verificationFromProto } from '../routes/verifications.ts';
import { typeOf } from './event-types.ts';

/** Short: every stream of a tenant shows the same reading, and codes do not stay in memory. */
const keptForMs = 1_000;
const kept = 2_000;
const readingBudgetMs = 2_000;
/** What one call may ask for. */
const maxIds = 200;

export type Render = (caller: Caller, events: readonly LiveEvent[]) => Promise<readonly string[]>;

const json = (event: LiveEvent, data: unknown): string =>
  JSON.stringify({
    id: edgeId('event', event.id),
    type: typeOf(event.subject)?.name,
    occurredAt: event.occurredAt.toISOString(),
    data,
  });

export const createRender = ({ live }: Pick<Backends, 'live'>): Render => {
  const rendered = new LRUCache<string, Promise<string>>({ max: kept, ttl: keptForMs });

  const readVerifications = async (caller: Caller, wanted: readonly LiveEvent[]): Promise<ReadonlyMap<string, unknown>> => {
    const ids = [...new Set(wanted.map(({ aggregateId }) => aggregateId))].slice(0, maxIds);
    const { verifications } = await live.getVerifications({ ids }, { principal: caller, deadline: new Date(Date.now() + readingBudgetMs) });
    return new Map(verifications.map((one) => [one.id, verificationFromProto(one)]));
  };

  return async (caller, events) => {
    const known = new Map(events.map((event) => [event.id, rendered.get(event.id)]));
    const missing = events.filter((event) => known.get(event.id) === undefined);
    const asked = missing.filter((event) => typeOf(event.subject)?.data === undefined);
    const found = asked.length > 0 ? readVerifications(caller, asked) : Promise.resolve(new Map<string, unknown>());
    for (const event of missing) {
      const data = typeOf(event.subject)?.data;
      const text = data
        ? Promise.resolve(json(event, data(event.payload)))
        : found.then((byId) => json(event, byId.get(event.aggregateId) ?? { id: edgeId('verification', event.aggregateId) }));
      // A failed reading is not remembered; whoever asked for it asks again.
      text.catch(() => rendered.delete(event.id));
      rendered.set(event.id, text);
      known.set(event.id, text);
    }
    return Promise.all(events.map((event) => known.get(event.id) ?? Promise.resolve('')));
  };
};
