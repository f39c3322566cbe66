import { addMs, hourMs } from '#platform/time/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import { cancelCampaign, type CancelCampaignDeps } from './cancel-campaign.ts';

/** Time that billing needs to hear of the end before the hold is given back by itself. */
const holdMarginMs = 12 * hourMs;

/** Cancels campaigns whose money is about to be given back: nothing is ever sent that cannot be charged. */
export const cancelExpiring = (deps: CancelCampaignDeps) => async (): Promise<number> => {
  const expiring = await deps.campaigns.holdEndsBefore(addMs(deps.clock.now(), holdMarginMs), 20);
  for (const campaign of expiring) {
    await cancelCampaign(deps)(campaign).catch((error: unknown) => {
      // Completed in between: that is as good.
      if (!isAppError(error, 'campaign.wrong_state')) throw error;
    });
  }
  return expiring.length;
};
