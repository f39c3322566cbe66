import type { Clock } from '#platform/time/index.ts';
import { createAgenda, type Agenda } from '../../domain/agenda.ts';

/** The longest sleep: a clock that somebody moves is noticed after this at the latest. */
const longestSleepMs = 100;

/**
 * An agenda that runs by itself: one timer for everything that waits.
 * @param onError a task that throws must not take the others down
 */
export const startAgenda = (clock: Clock, onError: (error: unknown) => void): { agenda: Agenda; close(): Promise<void> } => {
  let timer: NodeJS.Timeout | undefined;
  let wakeAtMs = Infinity;
  let closed = false;

  const wake = (): void => {
    timer = undefined;
    wakeAtMs = Infinity;
    try {
      agenda.runDue(clock.now().getTime());
    } catch (error) {
      onError(error);
    }
    schedule();
  };
  const schedule = (): void => {
    const dueMs = agenda.nextDueMs();
    if (closed || dueMs === undefined || dueMs >= wakeAtMs) return;
    clearTimeout(timer);
    wakeAtMs = dueMs;
    timer = setTimeout(wake, Math.min(longestSleepMs, Math.max(1, dueMs - clock.now().getTime())));
  };
  const agenda = createAgenda(schedule);

  return {
    agenda,
    close: () => {
      closed = true;
      clearTimeout(timer);
      agenda.clear();
      return Promise.resolve();
    },
  };
};
