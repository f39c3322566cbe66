import type { Clock } from '#platform/time/index.ts';
import type { Planner } from './planner.ts';
import type { RouteStore } from './ports.ts';

/**
 * Writes down what was seen, tells others of circuits that have opened or closed, and learns what others have seen: once every few
 * seconds, in batches, so that no purchase ever waits for it. A process that is killed loses what it saw in the last seconds, which is
 * of statistical interest only; a write whose answer got lost is repeated and may count twice.
 */
export const refreshRoutes = ({ planner, routes, clock }: { planner: Planner; routes: RouteStore; clock: Clock }) => {
  let since: Date | undefined;
  return async (): Promise<void> => {
    const sighted = planner.drain();
    if (sighted.length > 0)
      try {
        await routes.record(sighted, clock.now());
      } catch (error) {
        planner.restore(sighted);
        throw error;
      }
    // One that another replica has changed meanwhile is learnt below, and ours forgotten.
    for (const { provider, circuit, version } of planner.changedCircuits()) await routes.publishCircuit(provider, circuit, version);
    const news = await routes.news(since);
    planner.learn(news);
    since = news.until;
  };
};
