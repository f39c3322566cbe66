export interface BatcherOptions<T> {
  readonly maxBatch: number;
  /** How long the first item of a batch may wait for company. */
  readonly maxWaitMs: number;
  /** Stores a batch, all or nothing. */
  readonly flush: (items: readonly T[]) => Promise<void>;
  /** After a failure: milliseconds until the same batch is tried again, or undefined to give it back to its callers. */
  readonly retryAfterMs?: (failures: number, error: unknown) => number | undefined;
}

export interface Batcher<T> {
  /** Resolves when the item is stored. */
  add(item: T): Promise<void>;
  size(): number;
  /** Stores what is waiting. */
  close(): Promise<void>;
}

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Group commit: while one batch is being stored, the next one gathers. One at a time, in order. */
export const createBatcher = <T>({ maxBatch, maxWaitMs, flush, retryAfterMs }: BatcherOptions<T>): Batcher<T> => {
  const waiting: Waiting<T>[] = [];
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closing = false;

  const store = async (batch: readonly Waiting<T>[]): Promise<void> => {
    for (let failures = 1; ; failures += 1) {
      try {
        await flush(batch.map(({ item }) => item));
        for (const { resolve } of batch) resolve();
        return;
      } catch (error) {
        const again = retryAfterMs?.(failures, error);
        if (again === undefined) {
          for (const { reject } of batch) reject(error);
          return;
        }
        await sleep(again);
      }
    }
  };

  const run = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    do await store(waiting.splice(0, maxBatch));
    while (waiting.length >= maxBatch || (closing && waiting.length > 0));
    running = undefined;
    schedule();
  };

  const schedule = (): void => {
    if (running || waiting.length === 0) return;
    if (waiting.length >= maxBatch || closing) running = run();
    else timer ??= setTimeout(() => void (running ??= run()), maxWaitMs);
  };

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        schedule();
      }),
    size: () => waiting.length,
    close: async () => {
      closing = true;
      while (running || waiting.length > 0) {
        schedule();
        await running;
      }
    },
  };
};
