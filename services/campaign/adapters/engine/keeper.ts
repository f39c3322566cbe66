import type { Logger } from '#platform/logging/index.ts';

export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  /** @returns how much there was to do; more than nothing is followed by another round soon */
  readonly run: () => Promise<number>;
}

/** Repeats chores, each by itself, until closed. A failing one is logged and tried again. Replicas may run them at once. */
export const startKeeper = ({ chores, logger }: { chores: readonly Chore[]; logger: Logger }): { close(): Promise<void> } => {
  const stop = new AbortController();
  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stop.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      stop.signal.addEventListener('abort', done);
    });
  const repeat = async ({ name, everyMs, run }: Chore): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        const found = await run();
        await rest(found > 0 ? Math.min(everyMs, 200) : everyMs);
      } catch (error) {
        logger.warn({ err: error, chore: name }, 'a chore failed');
        await rest(everyMs);
      }
    }
  };
  const running = chores.map(repeat);
  return {
    close: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
};
