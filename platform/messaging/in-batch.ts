import type { Transaction } from '#platform/postgres/index.ts';
import type { EventHandler } from './consumer.ts';
import type { ReceivedEvent } from './event.ts';
import type { Outcome } from './outcome.ts';

/** An event's own decision, carried out of the batch that it undoes. */
export class UndoneBatch extends Error {
  override readonly name = 'UndoneBatch';
  readonly outcome: Exclude<Outcome, { readonly kind: 'done' }>;
  constructor(outcome: UndoneBatch['outcome']) {
    super(`an event asks for ${outcome.kind}`, { cause: outcome.cause });
    this.outcome = outcome;
  }
}

/**
 * Handlers of single events for `startBatchConsumer`: many effects, one transaction. An event that does not end in "done"
 * undoes the batch, whose events are then tried one by one; its own outcome keeps its meaning. Events run in the order of
 * their tenants, so that batches side by side lock tenants' rows in one order; those of one aggregate stay in theirs.
 */
export const inBatch = (handlers: readonly EventHandler[]): ((tx: Transaction, events: ReceivedEvent[]) => Promise<void>) => {
  const bySubject = new Map(handlers.map((handler) => [handler.subject, handler]));
  return async (tx, events) => {
    const sorted = events.toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : a.tenantId > b.tenantId ? 1 : 0));
    for (const event of sorted) {
      const outcome = await bySubject.get(event.subject)?.handle(tx, event as ReceivedEvent<never>);
      if (outcome !== undefined && outcome.kind !== 'done') throw new UndoneBatch(outcome);
    }
  };
};
