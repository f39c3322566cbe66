import type { Logger } from '#platform/logging/index.ts';

/**
 * Runs `work` at most every `intervalMs`, never two at once; a failure is logged and the next turn comes as usual.
 * `close` waits for a run that is under way.
 */
export const every = (
  intervalMs: number,
  name: string,
  logger: Pick<Logger, 'error'>,
  work: () => Promise<unknown>,
): { close(): Promise<void> } => {
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const run = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      logger.error({ err: error, job: name }, 'a scheduled job failed');
    }
    arm();
  };
  const arm = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      running = run();
    }, intervalMs);
    timer.unref();
  };

  arm();
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
};
