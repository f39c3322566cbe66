/**
 * The newest events of all tenants, in memory: what open streams are served from, and what most clients that come back need. One
 * reader per source fills it, in the order of its sequence; any number of readers look at the part of one tenant, each at its own
 * pace, so a slow reader costs its position and nothing else.
 */
import { advanced, covers, type Position } from './position.ts';

export interface LiveEvent {
  /** The fact's own id: the same however often and wherever it is delivered. */
  readonly id: string;
  readonly subject: string;
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly occurredAt: Date;
  readonly payload: unknown;
}

export interface WindowEntry {
  /** Rises in the order in which this process heard of things; means nothing elsewhere. */
  readonly arrival: number;
  readonly source: number;
  readonly seq: number;
  /** Of this process when it had heard of this event: a reader that has seen all up to here is at this position at least. */
  readonly position: Position;
  readonly event: LiveEvent;
}

/** Where a reader is in the window. */
export interface Place {
  readonly arrival: number;
  readonly position: Position;
}

export interface EventWindow {
  /** Everything heard so far. */
  position(): Position;
  /** What came before this is not in the window. */
  floor(): Position;
  /** Another one: the sources began anew, and positions from before mean nothing. */
  generation(): number;
  /** The newest arrival so far. */
  arrival(): number;
  /** @param event undefined: of no interest; the position moves on. */
  append(source: number, seq: number, event: LiveEvent | undefined): void;
  /** Empties it; the next event of each source is the one after `start`. */
  restart(start: Position): void;
  /** The tenant's next events for a reader, oldest first. The reader must not be behind the floor. */
  after(tenantId: string, place: Place, limit: number): readonly WindowEntry[];
  holds(position: Position): boolean;
  /** @returns the function that ends the subscription. The listener is called with an event of the tenant, or without one when all began anew. */
  subscribe(tenantId: string, listener: (event?: LiveEvent) => void): () => void;
  /** For the life of the process: every event of every tenant, or none when all began anew. */
  watch(listener: (event?: LiveEvent) => void): void;
  listeners(): number;
}

/** Entries leave at the front: an offset instead of moving the rest each time. */
interface Queue {
  entries: WindowEntry[];
  first: number;
}

const shift = (queue: Queue): WindowEntry | undefined => {
  const entry = queue.entries[queue.first];
  if (entry === undefined) return undefined;
  queue.first += 1;
  if (queue.first > 64 && queue.first * 2 > queue.entries.length) {
    queue.entries = queue.entries.slice(queue.first);
    queue.first = 0;
  }
  return entry;
};

/** Index of the first entry that arrived after `arrival`. */
const firstAfter = ({ entries, first }: Queue, arrival: number): number => {
  let low = first;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.arrival ?? 0) > arrival) high = middle;
    else low = middle + 1;
  }
  return low;
};

export const createEventWindow = ({ maxEvents, start }: { readonly maxEvents: number; readonly start: Position }): EventWindow => {
  let position = start;
  let floor = start;
  let generation = 1;
  let arrival = 0;
  let all: Queue = { entries: [], first: 0 };
  let byTenant = new Map<string, Queue>();
  let ids = new Set<string>();
  const watchers: ((event?: LiveEvent) => void)[] = [];
  const listeners = new Map<string, Set<(event?: LiveEvent) => void>>();

  const evictOldest = (): void => {
    const oldest = shift(all);
    if (oldest === undefined) return;
    floor = advanced(floor, oldest.source, oldest.seq);
    ids.delete(oldest.event.id);
    const { tenantId } = oldest.event;
    const queue = byTenant.get(tenantId);
    if (queue === undefined) return;
    shift(queue);
    if (queue.first === queue.entries.length) byTenant.delete(tenantId);
  };

  return {
    position: () => position,
    floor: () => floor,
    generation: () => generation,
    arrival: () => arrival,
    holds: (wanted) => covers(wanted, floor),
    append: (source, seq, event) => {
      if (seq <= (position[source] ?? 0)) return;
      position = advanced(position, source, seq);
      // A relay that lost an acknowledgement for longer than the stream remembers ids publishes twice.
      if (event === undefined || ids.has(event.id)) return;
      ids.add(event.id);
      const entry = { arrival: ++arrival, source, seq, position, event };
      all.entries.push(entry);
      let queue = byTenant.get(event.tenantId);
      if (queue === undefined) byTenant.set(event.tenantId, (queue = { entries: [], first: 0 }));
      queue.entries.push(entry);
      if (all.entries.length - all.first > maxEvents) evictOldest();
      for (const watcher of watchers) watcher(event);
      for (const listener of listeners.get(event.tenantId) ?? []) listener(event);
    },
    restart: (from) => {
      position = from;
      floor = from;
      generation += 1;
      all = { entries: [], first: 0 };
      byTenant = new Map();
      ids = new Set();
      for (const watcher of watchers) watcher();
      for (const set of listeners.values()) for (const listener of set) listener();
    },
    after: (tenantId, place, limit) => {
      const queue = byTenant.get(tenantId);
      const found: WindowEntry[] = [];
      if (queue === undefined) return found;
      for (let index = firstAfter(queue, place.arrival); index < queue.entries.length && found.length < limit; index++) {
        const entry = queue.entries[index];
        // A reader that comes from another gateway may be ahead of this one.
        if (entry !== undefined && entry.seq > (place.position[entry.source] ?? 0)) found.push(entry);
      }
      return found;
    },
    subscribe: (tenantId, listener) => {
      const set = listeners.get(tenantId) ?? new Set();
      listeners.set(tenantId, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(tenantId) === set) listeners.delete(tenantId);
      };
    },
    watch: (listener) => void watchers.push(listener),
    listeners: () => listeners.size,
  };
};
