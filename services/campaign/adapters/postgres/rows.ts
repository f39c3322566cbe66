import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { CampaignStatus } from '../../domain/campaign.ts';

/** Rows that are read and written through the EntityManager. Messages move in batches, by SQL (jobs.ts, tracking.ts). */
export const ContactRow = defineEntity({
  name: 'ContactRow',
  tableName: 'contacts',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    phone: p.text(),
    firstName: p.text(),
    lastName: p.text(),
    email: p.text(),
    tags: p.array().columnType('text[]'),
    fields: p.json<Record<string, string>>(),
    createdAt: p.datetime(),
  },
});
export type ContactRow = InferEntity<typeof ContactRow>;

export const CampaignRow = defineEntity({
  name: 'CampaignRow',
  tableName: 'campaigns',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    name: p.text(),
    body: p.text(),
    audienceKind: p.text().$type<'all' | 'contacts'>(),
    audienceIds: p.array().columnType('uuid[]').lazy(),
    sender: p.text(),
    status: p.text().$type<CampaignStatus>(),
    planned: p.bigint('bigint'),
    accepted: p.bigint('bigint'),
    submitted: p.bigint('bigint'),
    delivered: p.bigint('bigint'),
    failed: p.bigint('bigint'),
    suppressed: p.bigint('bigint'),
    unknown: p.bigint('bigint'),
    cancelled: p.bigint('bigint'),
    currency: p.text(),
    segmentPriceMicros: p.bigint('bigint'),
    quoteId: p.uuid().nullable(),
    estimatedMicros: p.bigint('bigint').nullable(),
    chargedMicros: p.bigint('bigint'),
    holdId: p.uuid().nullable(),
    holdExpiresAt: p.datetime().nullable(),
    launchKey: p.text().nullable(),
    launchActor: p.text().nullable(),
    launchLeaseUntil: p.datetime().nullable(),
    createdAt: p.datetime(),
    launchedAt: p.datetime().nullable(),
    completedAt: p.datetime().nullable(),
    closedAt: p.datetime().nullable(),
    version: p.bigint('bigint'),
  },
});
export type CampaignRow = InferEntity<typeof CampaignRow>;

export const entities = [ContactRow, CampaignRow];
