import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { decideMove, type Campaign } from '../domain/campaign.ts';
import type { Transactions } from './ports.ts';

/** Nothing is claimed after this returns; messages already with the carrier are still answered. @throws AppError request.not_found, campaign.wrong_state */
export const pauseCampaign =
  ({ transactions, clock }: { transactions: Transactions; clock: Clock }) =>
  ({ tenantId, id }: { tenantId: string; id: string }): Promise<Campaign> =>
    transactions.run(async (unit) => {
      const campaign = await unit.campaigns.lock(tenantId, id);
      if (!campaign) throw appError('request.not_found');
      return decideMove(campaign, 'pause') === 'done' ? campaign : unit.campaigns.setStatus(id, 'paused', clock.now());
    });
