import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { type Clock, addMs, hourMs } from '#platform/time/index.ts';
import { createRouteStore } from './adapters/postgres/routing/store.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { createRouteObserver } from './adapters/telemetry/route-observer.ts';
import { createPlanner, type Planner } from './app/routing/planner.ts';
import type { Seller } from './app/routing/ports.ts';
import { refreshRoutes } from './app/routing/refresh-routes.ts';
import type { VerificationConfig } from './config.ts';
import { usualRules } from './domain/routing/decide.ts';

export interface RoutingParts {
  readonly life: Life;
  readonly config: VerificationConfig;
  readonly db: Database;
  readonly clock: Clock;
  readonly sellers: readonly Seller[];
}

const forgetMs = 10 * 60_000;
/** A day is shown; the hours around it are for those who look into an incident. */
const keptHours = 72;

/** Part of the composition root: who is asked for a number. Knows what others have learnt before it answers. */
export const openRouting = async ({ life, config, db, clock, sellers }: RoutingParts): Promise<Planner> => {
  const { logger, metrics } = life;
  const { routeHalfLifeMs: halfLifeMs, routeAttempts: attempts, routeExploreShare: exploreShare, routeRefreshMs: tickMs } = config;
  const routes = createRouteStore({ db, halfLifeMs });
  const observer = createRouteObserver({ logger, metrics });
  const planner = createPlanner({ sellers, clock, halfLifeMs, attempts, observer, rules: { ...usualRules, exploreShare } });
  const refresh = refreshRoutes({ planner, routes, clock });
  await refresh();
  // Closed after the loop below: what was seen last is written down.
  await life.own('last outcomes', { close: refresh });
  const scheduler = startScheduler({
    work: async () => {
      await refresh();
      return 0;
    },
    houseKeep: () => routes.forgetHours(addMs(clock.now(), -keptHours * hourMs)),
    ...{ houseKeepMs: forgetMs, logger, tickMs, limit: 1, leaseMs: tickMs },
  });
  await life.own('routing', scheduler);
  return planner;
};
