/**
 * Group commit by natural batching: many callers, few round trips. While a slot is free, the calls of one turn of the event loop
 * go out together at its end; those that come while none is free wait and travel together. No timer is ever waited for, so a lone
 * call is as fast as without, and the busier it gets the larger the batches.
 */
import { AsyncResource } from 'node:async_hooks';
import { appError } from '#platform/errors/index.ts';
import { refusedByDatabase } from './errors.ts';

export interface CoalesceOptions<Item, Result> {
  /**
   * Handles a batch in one statement or transaction: all or nothing. Refusals of single items are results, not errors.
   * @returns one result per item, in their order
   */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxBatch: number;
  /** Batches under way at once; each takes a connection. */
  readonly maxConcurrent: number;
  /** More callers than this are refused at once with platform.overloaded. */
  readonly maxWaiting: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  /**
   * The caller's context: a batch runs in that of its first. Taken only where the queue's order says that one may be first. Not by
   * `AsyncLocalStorage.snapshot()`: what that returns has a getter of its own, which keeps the whole batch (docs/adr/0076).
   */
  readonly context: AsyncResource | undefined;
}

/** @returns the call for one item; rejects with what its batch, or the item alone, failed with */
export const coalesce = <Item, Result>({
  run,
  maxBatch,
  maxConcurrent,
  maxWaiting,
}: CoalesceOptions<Item, Result>): ((item: Item) => Promise<Result>) => {
  const queue: Waiting<Item, Result>[] = [];
  let running = 0;
  let gathering = false;

  const settle = async (batch: readonly Waiting<Item, Result>[]): Promise<void> => {
    try {
      const [first] = batch;
      if (first === undefined) return;
      const items = batch.map(({ item }) => item);
      const results = await (first.context === undefined ? run(items) : first.context.runInAsyncScope(run, undefined, items));
      if (results.length !== batch.length) throw new Error(`${results.length} results for ${batch.length} items`);
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length > 1 && refusedByDatabase(error)) for (const waiting of batch) await settle([waiting]);
      else for (const { reject } of batch) reject(error);
    }
  };
  const next = (): void => {
    gathering = false;
    while (running < maxConcurrent && queue.length > 0) {
      running += 1;
      void settle(queue.splice(0, maxBatch)).finally(() => {
        running -= 1;
        gather();
      });
    }
  };
  /** At the end of this turn: what one answer or one packet set off is mostly more than one call. */
  const gather = (): void => {
    if (gathering || running >= maxConcurrent || queue.length === 0) return;
    gathering = true;
    setImmediate(next);
  };
  return (item) =>
    new Promise((resolve, reject) => {
      if (queue.length >= maxWaiting) {
        reject(appError('platform.overloaded', { retryAfterMs: 1_000 }));
        return;
      }
      queue.push({ item, resolve, reject, context: queue.length % maxBatch === 0 ? new AsyncResource('coalesce') : undefined });
      gather();
    });
};
