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
