import type { Clock } from '#platform/time/index.ts';
import type { Housekeeping, Sessions } from './ports.ts';

const batch = 500;
const maxBatches = 20;

/** Ends timed-out sessions (with their events) and deletes what nobody can see any more; bounded work per run. */
export const sweep =
  (deps: { readonly sessions: Sessions; readonly housekeeping: Housekeeping; readonly clock: Clock }) =>
  async (): Promise<{ ended: number; deleted: number }> => {
    let ended = 0;
    let deleted = 0;
    for (let i = 0; i < maxBatches; i += 1) {
      const now = deps.clock.now();
      const endedNow = await deps.sessions.endExpired(now, batch);
      const deletedNow = await deps.housekeeping.sweep(now, batch);
      ended += endedNow;
      deleted += deletedNow;
      if (endedNow + deletedNow === 0) break;
    }
    return { ended, deleted };
  };
