import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { decideMove, type Campaign } from '../domain/campaign.ts';
import type { CampaignReads, Transactions } from './ports.ts';
import { closeIfNothingLeft, recordProgress } from './progress.ts';

export interface CancelCampaignDeps {
  readonly transactions: Transactions;
  readonly campaigns: CampaignReads;
  readonly clock: Clock;
}

const batchSize = 5_000;

/**
 * Strikes out what was not sent, in batches. The final charge is told once the last message that is with the carrier is
 * answered (or parked), so a cancelled campaign never charges after its last event.
 */
export const strikeOutPlanned =
  ({ transactions, clock }: Pick<CancelCampaignDeps, 'transactions' | 'clock'>) =>
  async (campaignId: string): Promise<void> => {
    for (let struck = batchSize; struck === batchSize;) {
      struck = await transactions.run(async (unit) => {
        const at = clock.now();
        const transitions = await unit.jobs.cancelPlanned(campaignId, batchSize, at);
        await recordProgress(unit, transitions, at);
        if (transitions.length === 0) await closeIfNothingLeft(unit, campaignId, at);
        return transitions.reduce((sum, { messages }) => sum + messages, 0);
      });
    }
  };

/** Nothing is claimed after this returns. @throws AppError request.not_found, campaign.wrong_state */
export const cancelCampaign =
  ({ transactions, campaigns, clock }: CancelCampaignDeps) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<Campaign> => {
    const wasLaunched = await transactions.run(async (unit) => {
      const campaign = await unit.campaigns.lock(tenantId, id);
      if (!campaign) throw appError('request.not_found');
      if (decideMove(campaign, 'cancel') === 'done') return true;
      if (campaign.status === 'draft') await unit.campaigns.discardDraft(id, clock.now());
      else await unit.campaigns.setStatus(id, 'cancelled', clock.now());
      return campaign.status !== 'draft';
    });
    if (wasLaunched) await strikeOutPlanned({ transactions, clock })(id);
    const campaign = await campaigns.find(tenantId, id);
    if (!campaign) throw appError('request.not_found');
    return campaign;
  };
