import {
  CampaignStatus as WireStatus,
  type Audience as WireAudience,
  type Campaign as WireCampaign,
  type Contact as WireContact,
  type TimelineEntry as WireEntry,
} from '#proto/namaskah/campaign/v1/campaign.ts';
import { funnelOf, type Audience, type Campaign, type CampaignStatus } from '../../domain/campaign.ts';
import type { Contact, TimelineEntry } from '../../domain/contact.ts';

export const toWireContact = (contact: Contact): WireContact => ({
  id: contact.id,
  phone: contact.phone,
  firstName: contact.firstName,
  lastName: contact.lastName,
  email: contact.email,
  tags: [...contact.tags],
  fields: { ...contact.fields },
  doNotContact: contact.doNotContact,
  createdAt: contact.createdAt,
});

export const toWireEntry = ({ type, at, campaignId, detail }: TimelineEntry): WireEntry => ({
  type,
  at,
  campaignId: campaignId ?? '',
  detail,
});

const wireStatus: Readonly<Record<CampaignStatus, WireStatus>> = {
  draft: WireStatus.CAMPAIGN_STATUS_DRAFT,
  launching: WireStatus.CAMPAIGN_STATUS_DRAFT,
  running: WireStatus.CAMPAIGN_STATUS_RUNNING,
  paused: WireStatus.CAMPAIGN_STATUS_PAUSED,
  completed: WireStatus.CAMPAIGN_STATUS_COMPLETED,
  cancelled: WireStatus.CAMPAIGN_STATUS_CANCELLED,
};

const toWireAudience = (audience: Audience): WireAudience => ({
  selection: audience.kind === 'all' ? { $case: 'all', value: {} } : { $case: 'contactIds', value: { ids: [...audience.contactIds] } },
});

export const fromWireAudience = (audience: WireAudience | undefined): Audience | undefined => {
  const selection = audience?.selection;
  if (!selection) return undefined;
  return selection.$case === 'all' ? { kind: 'all' } : { kind: 'contacts', contactIds: selection.value.ids };
};

export const toWireCampaign = (campaign: Campaign): WireCampaign => ({
  id: campaign.id,
  name: campaign.name,
  body: campaign.body,
  audience: toWireAudience(campaign.audience),
  status: wireStatus[campaign.status],
  counts: funnelOf(campaign),
  estimatedCost: campaign.estimatedCost,
  charged: campaign.charged,
  createdAt: campaign.createdAt,
  launchedAt: campaign.launchedAt,
  completedAt: campaign.completedAt,
  version: campaign.version,
});
