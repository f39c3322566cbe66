import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Planner } from './planner.ts';
import type { ProviderState, RouteStore } from './ports.ts';

/**
 * No further purchase goes to a provider, or again. Known here at once, to other replicas after their next look.
 * @throws request.not_found for a name that is no provider's
 */
export const pauseProvider =
  ({ planner, routes, clock, refresh }: { planner: Planner; routes: RouteStore; clock: Clock; refresh: () => Promise<void> }) =>
  async ({ name, by, note }: { name: string; by: string; note: string | undefined }): Promise<ProviderState> => {
    if (planner.sellers.every((seller) => seller.name !== name)) throw appError('request.not_found');
    await routes.pause(name, note === undefined ? undefined : { at: clock.now(), by, note });
    await refresh();
    return planner.state(name);
  };
