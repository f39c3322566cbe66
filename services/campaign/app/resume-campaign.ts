import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { decideMove, type Campaign } from '../domain/campaign.ts';
import type { Transactions } from './ports.ts';
import { closeIfNothingLeft } from './progress.ts';

export interface ResumeCampaignDeps {
  readonly transactions: Transactions;
  readonly clock: Clock;
  /** Tells the sending engine not to wait for its next look. */
  readonly wake: () => void;
}

/** Goes on sending. @throws AppError request.not_found, campaign.wrong_state */
export const resumeCampaign =
  ({ transactions, clock, wake }: ResumeCampaignDeps) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<Campaign> => {
    const campaign = await transactions.run(async (unit) => {
      const found = await unit.campaigns.lock(tenantId, id);
      if (!found) throw appError('request.not_found');
      if (decideMove(found, 'resume') === 'done') return found;
      const at = clock.now();
      await unit.campaigns.setStatus(id, 'running', at);
      // Its last message may have been answered while it was paused.
      await closeIfNothingLeft(unit, id, at);
      return (await unit.campaigns.lock(tenantId, id)) ?? found;
    });
    wake();
    return campaign;
  };
