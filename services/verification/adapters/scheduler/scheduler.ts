import type { Logger } from '#platform/logging/index.ts';

export interface SchedulerOptions {
  /** Does one batch. @returns how many rows it had */
  readonly work: (options: { limit: number; leaseMs: number }) => Promise<number>;
  readonly houseKeep: () => Promise<void>;
  readonly logger: Logger;
  /** From a look that found nothing to the next. */
  readonly tickMs: number;
  /** From a look that found something to the next, when that is sooner: a little now, instead of all of it later in one go. */
  readonly busyTickMs?: number;
  readonly houseKeepMs: number;
  /** Rows per batch, and so the calls to providers at once. */
  readonly limit: number;
  /** Longer than the slowest step; then another worker may take the row. */
  readonly leaseMs: number;
}

const slowestTickMs = 10_000;

/** The one loop behind every deadline. Woken by time; a full batch is followed by the next at once. */
export const startScheduler = (options: SchedulerOptions): { close(): Promise<void> } => {
  const { logger } = options;
  let stopped = false;
  let failures = 0;
  let keptAt = 0;
  let wake: (() => void) | undefined;

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  /** @returns how long to rest */
  const turn = async (): Promise<number> => {
    const done = await options.work({ limit: options.limit, leaseMs: options.leaseMs });
    if (performance.now() - keptAt >= options.houseKeepMs) {
      keptAt = performance.now();
      await options.houseKeep();
    }
    if (done === options.limit) return 0;
    return done > 0 ? Math.min(options.busyTickMs ?? options.tickMs, options.tickMs) : options.tickMs;
  };

  const run = async (): Promise<void> => {
    while (!stopped) {
      try {
        const restMs = await turn();
        failures = 0;
        if (restMs > 0 && !stopped) await rest(restMs);
      } catch (error) {
        // Most likely the database is away: no need to ask it four times a second.
        failures += 1;
        if (failures === 1 || failures % 20 === 0) logger.warn({ err: error, failures }, 'the scheduler cannot work');
        if (!stopped) await rest(Math.min(options.tickMs * 2 ** failures, slowestTickMs));
      }
    }
  };

  const running = run();
  return {
    /** Lets the batch in hand end. */
    close: async () => {
      stopped = true;
      wake?.();
      await running;
    },
  };
};
