import type { CancelCampaignDeps } from './cancel-campaign.ts';
import { strikeOutPlanned } from './cancel-campaign.ts';

/** Completes cancellations that a crash interrupted, and those that wait for a message that was put back. */
export const finishCancellations =
  ({ transactions, campaigns, clock }: CancelCampaignDeps) =>
  async (): Promise<number> => {
    const open = await campaigns.unfinishedCancellations(20);
    for (const { id } of open) await strikeOutPlanned({ transactions, clock })(id);
    return open.length;
  };
