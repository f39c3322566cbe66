import { isAppError } from '#platform/errors/index.ts';
import { launchCampaign, type LaunchCampaignDeps } from './launch-campaign.ts';
import type { CampaignReads } from './ports.ts';

/** Carries on launches whose process died or whose money could not be asked for. @returns how many were found */
export const recoverLaunches = (deps: LaunchCampaignDeps & { campaigns: CampaignReads }) => {
  const launch = launchCampaign(deps);
  return async (): Promise<number> => {
    const abandoned = await deps.campaigns.abandonedLaunches(deps.clock.now(), 20);
    const failures: unknown[] = [];
    for (const { tenantId, id, launchKey } of abandoned) {
      try {
        await launch({ tenantId, id, key: launchKey });
      } catch (error) {
        // An AppError is an answer: the launch went back to draft or stays for the next round.
        if (!isAppError(error)) failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some launches could not be carried on');
    return abandoned.length;
  };
};
