import { appError } from '#platform/errors/index.ts';
import type { Campaign } from '../domain/campaign.ts';
import type { CampaignReads } from './ports.ts';

/** @throws AppError request.not_found */
export const getCampaign =
  ({ campaigns }: { campaigns: CampaignReads }) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<Campaign> => {
    const campaign = await campaigns.find(tenantId, id);
    if (!campaign) throw appError('request.not_found');
    return campaign;
  };
