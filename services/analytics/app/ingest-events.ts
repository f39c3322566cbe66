import { figuresOf, type Fact } from '../domain/figures.ts';
import type { EventStore, StoredEvent } from './ports.ts';

export type IncomingEvent = Omit<StoredEvent, 'measurements'> & { readonly fact: Fact };

/** Stores a batch of events, each once, and counts them. */
export const ingestEvents =
  ({ store }: { readonly store: EventStore }) =>
  (incoming: readonly IncomingEvent[]): Promise<void> =>
    store.append(incoming.map(({ fact, ...event }) => ({ ...event, measurements: figuresOf(fact) })));
