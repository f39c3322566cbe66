/** Events as customers read them. Codes and numbers are not in events: verifications and rentals are read here, as many at once as there are. */
import { LRUCache } from 'lru-cache';
import type { LiveEvent } from '../../../app/live/event-window.ts';
import type { Caller } from '../../../app/ports.ts';
import type { Backends } from '../backends.ts';
import { edgeId } from '../mapping.ts';
import { rentalFromProto, rentalMessageFromProto } from '../routes/rentals.ts';
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

const unique = (ids: readonly (string | undefined)[]): string[] => [...new Set(ids.filter((id) => id !== undefined))];

export const createRender = ({ live }: Pick<Backends, 'live'>): Render => {
  const rendered = new LRUCache<string, Promise<string>>({ max: kept, ttl: keptForMs });
  const options = (caller: Caller) => ({ principal: caller, deadline: new Date(Date.now() + readingBudgetMs) });

  /** What these events are about as it is now, by id of the aggregate or of the message. */
  const readVerifications = async (caller: Caller, events: readonly LiveEvent[]): Promise<ReadonlyMap<string, object>> => {
    const newest = new Map<string, number>();
    for (const { aggregateId, aggregateVersion } of events)
      newest.set(aggregateId, Math.max(newest.get(aggregateId) ?? 0, aggregateVersion));
    const ids = [...newest.keys()].slice(0, maxIds);
    if (ids.length === 0) return new Map();
    const versions = ids.map((id) => BigInt(newest.get(id) ?? 0));
    const { verifications } = await live.getVerifications({ ids, versions }, options(caller));
    return new Map(verifications.map((one) => [one.id, verificationFromProto(one)]));
  };
  const readRentals = async (caller: Caller, events: readonly LiveEvent[]): Promise<ReadonlyMap<string, object>> => {
    const ids = unique(events.map(({ aggregateId }) => aggregateId)).slice(0, maxIds);
    if (ids.length === 0) return new Map();
    const messageIds = unique(events.map(({ subject, payload }) => typeOf(subject)?.messageId(payload))).slice(0, maxIds);
    const { rentals, messages } = await live.getRentals({ ids, messageIds }, options(caller));
    return new Map<string, object>([
      ...rentals.map((one) => [one.id, rentalFromProto(one)] as const),
      ...messages.map((one) => [one.id, rentalMessageFromProto(one)] as const),
    ]);
  };
  const dataOf = (event: LiveEvent, read: ReadonlyMap<string, object>): unknown => {
    const type = typeOf(event.subject);
    if (type?.reads === undefined) return type?.data(event.payload);
    const about = read.get(event.aggregateId) ?? { id: edgeId(type.reads, event.aggregateId) };
    const messageId = type.messageId(event.payload);
    // A message that retention has deleted meanwhile is null.
    const message = messageId === undefined ? {} : { message: read.get(messageId) ?? null };
    return { ...about, ...type.data(event.payload), ...message };
  };

  return async (caller, events) => {
    const known = new Map(events.map((event) => [event.id, rendered.get(event.id)]));
    const missing = events.filter((event) => known.get(event.id) === undefined);
    const reading = (what: 'verification' | 'rental'): readonly LiveEvent[] =>
      missing.filter((event) => typeOf(event.subject)?.reads === what);
    const read = {
      verification: readVerifications(caller, reading('verification')),
      rental: readRentals(caller, reading('rental')),
    };
    // Whoever waits for one of them hears of its failure; when nobody does, nobody has to.
    for (const pending of Object.values(read)) pending.catch(() => {});
    for (const event of missing) {
      const what = typeOf(event.subject)?.reads;
      const found: Promise<ReadonlyMap<string, object>> = what ? read[what] : Promise.resolve(new Map());
      const text = found.then((byId) => json(event, dataOf(event, byId)));
      // A failed reading is not remembered; whoever asked for it asks again.
      text.catch(() => rendered.delete(event.id));
      rendered.set(event.id, text);
      known.set(event.id, text);
    }
    return Promise.all(events.map((event) => known.get(event.id) ?? Promise.resolve('')));
  };
};
