import { addMs, type Clock, dayMs } from '#platform/time/index.ts';
import type { DayTally, RouteStore } from '../routing/ports.ts';

/** The outcomes of the last 24 hours, by service and country in the order of their codes. */
export type RecentDay = () => Promise<readonly DayTally[]>;

const keptMs = 30_000;

/** Read at most once in half a minute, whoever asks. A failure is not kept. */
export const recentDay = ({ routes, clock }: { routes: Pick<RouteStore, 'day'>; clock: Clock }): RecentDay => {
  let kept: { readonly rows: Promise<readonly DayTally[]>; readonly untilMs: number } | undefined;
  return () => {
    const now = clock.now();
    if (kept && now.getTime() < kept.untilMs) return kept.rows;
    const rows = routes.day(addMs(now, -dayMs));
    const mine = { rows, untilMs: now.getTime() + keptMs };
    kept = mine;
    rows.catch(() => {
      if (kept === mine) kept = undefined;
    });
    return rows;
  };
};
