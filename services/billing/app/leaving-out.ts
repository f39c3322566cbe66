import { isAppError } from '#platform/errors/index.ts';

/** In one look; so many that cannot be worked off have one cause. */
const most = 100;

/**
 * Works again without what could not be worked off, so that it keeps nobody behind it waiting.
 * @param work says by `at` what it is about to work off
 * @returns how much was done
 * @throws the first thing that went wrong, when nothing else is left to do; platform.* at once
 */
export const leavingOut = async (work: (leftOut: readonly string[], at: (id: string) => void) => Promise<number>): Promise<number> => {
  const leftOut: string[] = [];
  const failures: unknown[] = [];
  while (leftOut.length < most) {
    let current: string | undefined;
    try {
      const done = await work(leftOut, (id) => {
        current = id;
      });
      if (done > 0 || failures.length === 0) return done;
      break;
    } catch (error) {
      if (current === undefined || isAppError(error)) throw error;
      leftOut.push(current);
      failures.push(error);
    }
  }
  throw failures[0];
};

/**
 * Works off each by itself, where what is to be done is at hand already: one that cannot be worked off keeps none behind it waiting.
 * @throws the first thing that went wrong, after all others; platform.* at once
 */
export const eachByItself = async <Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> => {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      if (isAppError(error)) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
};
