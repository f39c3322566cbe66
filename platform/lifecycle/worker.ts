/** Work that lies in a table and may be looked at at any time. @returns how much was done; the next look follows without waiting for the interval while it is more than 0 */
export type Work = () => Promise<number>;

export interface Worker {
  /** Looks now rather than at the next interval. */
  wake(): void;
  /** Waits for a running look to end; starts no other. */
  close(): Promise<void>;
}

export interface WorkerOptions {
  readonly name: string;
  readonly intervalMs: number;
  /** Before the look that follows one with work, so that what comes meanwhile is done together. At once when left out. */
  readonly pauseMs?: number;
  readonly work: Work;
  readonly onError: (error: unknown, worker: string) => void;
}

/** Consecutive looks without a pause; after them others get their turn. */
const maxInARow = 100;

/**
 * One look at a time, every `intervalMs`, sooner while there is work, and whenever woken. A wake-up during a look is not lost: another look follows.
 * An error ends the look, is reported, and the next interval tries again.
 */
export const startWorker = ({ name, intervalMs, pauseMs, work, onError }: WorkerOptions): Worker => {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let woken = false;
  let closed = false;

  /** @returns after how long the next look is due */
  const look = async (): Promise<number> => {
    try {
      for (let count = 0; count < maxInARow && !closed; count++) {
        woken = false;
        const done = await work();
        if (done > 0 && pauseMs !== undefined) return pauseMs;
        if (done === 0 && !woken) break;
      }
    } catch (error) {
      onError(error, name);
    }
    return intervalMs;
  };

  const run = (): void => {
    clearTimeout(timer);
    if (closed || running !== undefined) return;
    running = look().then((dueMs) => {
      running = undefined;
      if (!closed) timer = setTimeout(run, woken ? 0 : dueMs);
    });
  };

  // Replicas that were started together shall not look together.
  timer = setTimeout(run, Math.random() * Math.min(intervalMs, 1_000));
  return {
    wake: () => {
      woken = true;
      run();
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
};
