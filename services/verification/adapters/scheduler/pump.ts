import type { Logger } from '#platform/logging/index.ts';

export interface PumpOptions {
  /** Takes up to `limit` pieces of work. @returns one promise for each; none may reject */
  readonly take: (options: { limit: number; leaseMs: number }) => Promise<readonly Promise<void>[]>;
  readonly logger: Logger;
  readonly tickMs: number;
  /** Under way at once: as soon as one is done, the next is taken, so that a slow one holds up nobody else. */
  readonly concurrency: number;
  readonly leaseMs: number;
}

const slowestTickMs = 10_000;

/** Keeps a bounded number of pieces of work under way. Closing lets those end. */
export const startPump = ({ take, logger, tickMs, concurrency, leaseMs }: PumpOptions): { close(): Promise<void> } => {
  const running = new Set<Promise<void>>();
  let stopped = false;
  let failures = 0;
  let wake: (() => void) | undefined;

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const turn = async (): Promise<boolean> => {
    const free = concurrency - running.size;
    const taken = free > 0 ? await take({ limit: free, leaseMs }) : [];
    for (const work of taken) {
      const tracked: Promise<void> = work.finally(() => {
        running.delete(tracked);
        wake?.();
      });
      running.add(tracked);
    }
    return free > 0 && taken.length === free;
  };

  const run = async (): Promise<void> => {
    while (!stopped) {
      try {
        const more = await turn();
        failures = 0;
        // Full: the next turn comes when something is done.
        if (!stopped && (!more || running.size >= concurrency)) await rest(tickMs);
      } catch (error) {
        failures += 1;
        if (failures === 1 || failures % 20 === 0) logger.warn({ err: error, failures }, 'no work can be taken');
        if (!stopped) await rest(Math.min(tickMs * 2 ** failures, slowestTickMs));
      }
    }
  };

  const loop = run();
  return {
    close: async () => {
      stopped = true;
      wake?.();
      await loop;
      await Promise.all(running);
    },
  };
};
