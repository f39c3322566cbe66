import { appError } from '#platform/errors/index.ts';
import type { Campaign, CampaignStatus } from '../domain/campaign.ts';
import type { CampaignReads, Page, PageRequest } from './ports.ts';

const statuses: readonly CampaignStatus[] = ['draft', 'running', 'paused', 'completed', 'cancelled'];

/** One page, newest first; contact ids of an audience are only in the single campaign. @throws AppError request.invalid on `status` */
export const listCampaigns =
  ({ campaigns }: { campaigns: CampaignReads }) =>
  async (query: { tenantId: string; status: string; page: PageRequest }): Promise<Page<Campaign>> => {
    const status = statuses.find((known) => known === query.status);
    if (query.status !== '' && !status) {
      throw appError('request.invalid', { fields: [{ field: 'status', reason: `One of ${statuses.join(', ')}.` }] });
    }
    return campaigns.list({ tenantId: query.tenantId, status, page: query.page });
  };
