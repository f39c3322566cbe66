import { allow, allowAny, grpcService, method, type BoundService } from '#platform/grpc/index.ts';
import { CampaignServiceService, ContactServiceService } from '#proto/namaskah/campaign/v1/campaign.ts';
import type { CreateContactDeps } from '../../app/create-contact.ts';
import type { ContactReads, CampaignReads } from '../../app/ports.ts';
import { cancelCampaign } from '../../app/cancel-campaign.ts';
import { createCampaign, type CreateCampaignDeps } from '../../app/create-campaign.ts';
import { createContact } from '../../app/create-contact.ts';
import { getCampaign } from '../../app/get-campaign.ts';
import { getContact } from '../../app/get-contact.ts';
import { getMessagePrice } from '../../app/get-message-price.ts';
import { launchCampaign, type LaunchCampaignDeps } from '../../app/launch-campaign.ts';
import { listCampaigns } from '../../app/list-campaigns.ts';
import { listContacts } from '../../app/list-contacts.ts';
import { pauseCampaign } from '../../app/pause-campaign.ts';
import { resumeCampaign } from '../../app/resume-campaign.ts';
import { fromWireAudience, toWireCampaign, toWireContact, toWireEntry } from './mapping.ts';

const members = ['owner', 'admin', 'staff'] as const;
const pageOf = (page: { limit: number; cursor: string } | undefined) => page ?? { limit: 0, cursor: '' };

export const contactService = (deps: CreateContactDeps & { contacts: ContactReads }): BoundService => {
  const create = createContact(deps);
  const get = getContact(deps);
  const list = listContacts(deps);
  const write = allow(...members, { scope: 'contacts:write' });
  const read = allowAny({ scope: 'contacts:read' });
  return grpcService(ContactServiceService, {
    createContact: method(write, async ({ idempotencyKey, ...input }, { principal: { tenantId } }) => ({
      contact: toWireContact(await create({ tenantId, idempotencyKey, input })),
    })),
    getContact: method(read, async ({ id }, { principal: { tenantId } }) => {
      const { contact, timeline } = await get({ tenantId, id });
      return { contact: toWireContact(contact), timeline: timeline.map(toWireEntry) };
    }),
    listContacts: method(read, async ({ page, search, tag }, { principal: { tenantId } }) => {
      const { items, nextCursor } = await list({ tenantId, search, tag, page: pageOf(page) });
      return { contacts: items.map(toWireContact), nextCursor };
    }),
  });
};

export const campaignService = (deps: CreateCampaignDeps & LaunchCampaignDeps & { campaigns: CampaignReads }): BoundService => {
  const create = createCampaign(deps);
  const get = getCampaign(deps);
  const list = listCampaigns(deps);
  const launch = launchCampaign(deps);
  const pause = pauseCampaign(deps);
  const resume = resumeCampaign(deps);
  const cancel = cancelCampaign(deps);
  const priceOf = getMessagePrice(deps);
  const write = allow(...members, { scope: 'campaigns:write' });
  const read = allowAny({ scope: 'campaigns:read' });
  return grpcService(CampaignServiceService, {
    createCampaign: method(write, async ({ idempotencyKey, name, body, audience }, { principal: { tenantId } }) => ({
      campaign: toWireCampaign(await create({ tenantId, idempotencyKey, input: { name, body, audience: fromWireAudience(audience) } })),
    })),
    getCampaign: method(read, async ({ id }, { principal: { tenantId } }) => ({ campaign: toWireCampaign(await get({ tenantId, id })) })),
    listCampaigns: method(read, async ({ page, status }, { principal: { tenantId } }) => {
      const { items, nextCursor } = await list({ tenantId, status, page: pageOf(page) });
      return { campaigns: items.map(toWireCampaign), nextCursor };
    }),
    launchCampaign: method(write, async ({ id, idempotencyKey: key }, { principal: { tenantId, subject: actor } }) => ({
      campaign: toWireCampaign(await launch({ tenantId, id, key, actor })),
    })),
    pauseCampaign: method(write, async ({ id }, { principal: { tenantId } }) => ({
      campaign: toWireCampaign(await pause({ tenantId, id })),
    })),
    resumeCampaign: method(write, async ({ id }, { principal: { tenantId } }) => ({
      campaign: toWireCampaign(await resume({ tenantId, id })),
    })),
    cancelCampaign: method(write, async ({ id }, { principal: { tenantId } }) => ({
      campaign: toWireCampaign(await cancel({ tenantId, id })),
    })),
    getMessagePrice: method(allowAny({ scope: 'catalog:read' }), ({ country }, { principal: { tenantId } }) =>
      priceOf({ tenantId, country }),
    ),
  });
};
