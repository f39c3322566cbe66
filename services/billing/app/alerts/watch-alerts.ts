import type { Clock } from '#platform/time/index.ts';
import { observe } from '../../domain/usage-alerts.ts';
import type { AlertWatch } from './ports.ts';

const perLook = 200;

/**
 * Looks at every alert whose value has changed, and fires those that were crossed on the way. What was seen, what was found and the events
 * about it are kept together, so a crossing is told once, whoever looks and whatever dies in between.
 * @returns how many alerts were looked at
 */
export const watchAlerts =
  ({
    watch,
    clock,
    monitor,
  }: {
    readonly watch: AlertWatch;
    readonly clock: Clock;
    readonly monitor: { alertsFired(count: number): void };
  }) =>
  async (): Promise<number> => {
    let fired = 0;
    const looked = await watch.look(clock.now(), perLook, (watched) => {
      const found = observe(watched.alert, watched.state, watched.observations);
      fired += found.crossings.length;
      return { watched, ...found };
    });
    if (fired > 0) monitor.alertsFired(fired);
    return looked;
  };
