/** A wake-up that is never lost: one that comes while nobody waits makes the next wait return at once. */
export interface Waker {
  wake(): void;
  /** @returns true when woken, false when `ms` went by */
  wait(ms: number): Promise<boolean>;
}

export const createWaker = (): Waker => {
  let pending = false;
  let release: ((woken: boolean) => void) | undefined;
  return {
    wake: () => {
      if (release === undefined) pending = true;
      else release(true);
    },
    wait: (ms) => {
      if (pending) {
        pending = false;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => release?.(false), ms);
        release = (woken) => {
          clearTimeout(timer);
          release = undefined;
          resolve(woken);
        };
      });
    },
  };
};
