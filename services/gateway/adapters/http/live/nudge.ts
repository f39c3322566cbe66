/** One waits, many wake; a wake-up that comes while nobody waits is not lost. */
export const createNudge = () => {
  let pending = false;
  let release: (() => void) | undefined;
  return {
    wake: (): void => {
      if (release === undefined) pending = true;
      else release();
    },
    /** Resolves when woken, or after `ms`. */
    wait: (ms: number): Promise<void> => {
      if (pending) {
        pending = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          release = undefined;
          resolve();
        };
        const timer = setTimeout(done, ms);
        release = done;
      });
    },
  };
};
