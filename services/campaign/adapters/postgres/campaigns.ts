import { LockMode } from '@mikro-orm/core';
import { isUuid } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { encodeCursor, pageLimit, type Database, type Transaction } from '#platform/postgres/index.ts';
import type { CampaignReads, CampaignWrites, ProgressedCampaign } from '../../app/ports.ts';
import { countNames, type Campaign, type CampaignStatus } from '../../domain/campaign.ts';
import { idCursor } from './id-cursor.ts';
import { CampaignRow } from './rows.ts';

/** Everything but the lazy contact ids. */
type PlainRow = Omit<CampaignRow, 'audienceIds'> & { readonly audienceIds?: string[] };

const toCampaign = (row: PlainRow): Campaign => ({
  id: row.id,
  tenantId: row.tenantId,
  name: row.name,
  body: row.body,
  audience: row.audienceKind === 'all' ? { kind: 'all' } : { kind: 'contacts', contactIds: row.audienceIds ?? [] },
  sender: row.sender,
  status: row.status,
  counts: {
    planned: row.planned,
    submitted: row.submitted,
    delivered: row.delivered,
    failed: row.failed,
    suppressed: row.suppressed,
    unknown: row.unknown,
    cancelled: row.cancelled,
  },
  accepted: row.accepted,
  segmentPrice: money(row.currency, row.segmentPriceMicros),
  quoteId: row.quoteId ?? undefined,
  estimatedCost: row.estimatedMicros === null || row.estimatedMicros === undefined ? undefined : money(row.currency, row.estimatedMicros),
  charged: money(row.currency, row.chargedMicros),
  holdId: row.holdId ?? undefined,
  holdExpiresAt: row.holdExpiresAt ?? undefined,
  launchKey: row.launchKey ?? undefined,
  launchActor: row.launchActor ?? undefined,
  createdAt: row.createdAt,
  launchedAt: row.launchedAt ?? undefined,
  completedAt: row.completedAt ?? undefined,
  closedAt: row.closedAt ?? undefined,
  version: row.version,
});

interface Ref {
  readonly tenantId: string;
  readonly id: string;
}
interface RefRow {
  id: string;
  tenant_id: string;
}
const toRef = ({ id, tenant_id }: RefRow): Ref => ({ id, tenantId: tenant_id });

export const campaignReads = (db: Database): CampaignReads => ({
  find: async (tenantId, id) => {
    if (!isUuid(id)) return undefined;
    const row = await db.em().findOne(CampaignRow, { tenantId, id }, { populate: ['audienceIds'] });
    return row ? toCampaign(row) : undefined;
  },

  list: async ({ tenantId, status, page }) => {
    const limit = pageLimit(page.limit);
    const after = idCursor(page.cursor);
    // A launch in progress still shows as a draft.
    const statuses: CampaignStatus[] | undefined = status === 'draft' ? ['draft', 'launching'] : status && [status];
    const rows = await db
      .em()
      .find(
        CampaignRow,
        { tenantId, ...(statuses && { status: { $in: statuses } }), ...(after !== undefined && { id: { $lt: after } }) },
        { orderBy: { id: 'desc' }, limit: limit + 1 },
      );
    const items = rows.slice(0, limit).map((row) => toCampaign(row));
    return { items, nextCursor: rows.length > limit ? encodeCursor([items.at(-1)?.id ?? '']) : '' };
  },

  bodies: async (ids) => {
    const rows = await db.query<{ id: string; body: string }>('select id, body from campaigns where id = any($1::uuid[])', [ids]);
    return new Map(rows.map(({ id, body }) => [id, body]));
  },

  abandonedLaunches: async (now, limit) => {
    const rows = await db.query<RefRow & { launch_key: string }>(
      `select id, tenant_id, launch_key from campaigns where status = 'launching' and launch_lease_until <= $1 order by id limit $2`,
      [now, limit],
    );
    return rows.map((row) => ({ ...toRef(row), launchKey: row.launch_key }));
  },

  unfinishedCancellations: async (limit) => {
    const rows = await db.query<RefRow>(
      `select id, tenant_id from campaigns c
        where status = 'cancelled' and closed_at is null
          and (planned = 0 or exists (select from send_jobs j where j.campaign_id = c.id and j.state = 'planned'))
        order by id limit $1`,
      [limit],
    );
    return rows.map(toRef);
  },

  holdEndsBefore: async (at, limit) => {
    const rows = await db.query<RefRow>(
      `select id, tenant_id from campaigns where status in ('running', 'paused') and hold_expires_at < $1 order by id limit $2`,
      [at, limit],
    );
    return rows.map(toRef);
  },
});

/**
 * The rows are locked in order of id before they change, so that batches never wait for each other in a circle. A
 * version is spent on the change and another one on the end, because each may become an event.
 */
const addProgressSql = `
with d as (
  select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $11::bigint[])
    as d (id, planned, submitted, delivered, failed, suppressed, unknown, cancelled, charge, accepted)
), before as (
  select c.id, c.closed_at is null and c.status in ('running', 'cancelled') and c.planned + d.planned = 0 as ends
    from campaigns c join d using (id) order by c.id for no key update of c
)
update campaigns c set
  planned = c.planned + d.planned, submitted = c.submitted + d.submitted, delivered = c.delivered + d.delivered,
  failed = c.failed + d.failed, suppressed = c.suppressed + d.suppressed, unknown = c.unknown + d.unknown,
  cancelled = c.cancelled + d.cancelled, accepted = c.accepted + d.accepted,
  charged_micros = c.charged_micros + case when c.closed_at is null then d.charge else 0 end,
  status = case when b.ends and c.status = 'running' then 'completed' else c.status end,
  completed_at = case when b.ends and c.status = 'running' then $10 else c.completed_at end,
  closed_at = case when b.ends then $10 else c.closed_at end,
  version = c.version + case when b.ends then 2 else 1 end
from d join before b using (id)
where c.id = d.id
returning c.id, c.tenant_id, c.status, c.hold_id, c.currency, c.charged_micros, c.launched_at is not null as launched, b.ends, c.version`;

interface ProgressedRow {
  id: string;
  tenant_id: string;
  status: CampaignStatus;
  hold_id: string | null;
  currency: string;
  charged_micros: bigint;
  launched: boolean;
  ends: boolean;
  version: bigint;
}

const toProgressed = (row: ProgressedRow): ProgressedCampaign => ({
  id: row.id,
  tenantId: row.tenant_id,
  status: row.status,
  holdId: row.hold_id ?? undefined,
  charged: money(row.currency, row.charged_micros),
  launched: row.launched,
  closedNow: row.ends,
  version: row.version,
});

export const campaignWrites = (tx: Transaction): CampaignWrites => {
  const lock = async (tenantId: string, id: string) => {
    if (!isUuid(id)) return undefined;
    const row = await tx.em.findOne(
      CampaignRow,
      { tenantId, id },
      // Never from the identity map: statements of this transaction change the row behind its back.
      { lockMode: LockMode.PESSIMISTIC_WRITE, populate: ['audienceIds'], refresh: true, disableIdentityMap: true },
    );
    return row ? { ...toCampaign(row), launchLeaseUntil: row.launchLeaseUntil ?? undefined } : undefined;
  };
  const change = async (id: string, assignments: string, params: readonly unknown[], versions = 1): Promise<Campaign> => {
    const [row] = await tx.query<{ tenant_id: string }>(
      `update campaigns set ${assignments}, version = version + ${versions} where id = $1 returning tenant_id`,
      [id, ...params],
    );
    const campaign = row && (await lock(row.tenant_id, id));
    if (!campaign) throw new Error('a locked campaign is gone');
    return campaign;
  };

  return {
    insert: async ({ audience, counts, segmentPrice, estimatedCost: _none, charged, ...campaign }) => {
      await tx.em.insert(CampaignRow, {
        ...campaign,
        ...counts,
        audienceKind: audience.kind,
        audienceIds: audience.kind === 'contacts' ? [...audience.contactIds] : [],
        currency: segmentPrice.currency,
        segmentPriceMicros: segmentPrice.micros,
        estimatedMicros: null,
        chargedMicros: charged.micros,
        holdId: null,
        quoteId: null,
        holdExpiresAt: null,
        launchKey: null,
        launchActor: null,
        launchLeaseUntil: null,
        launchedAt: null,
        completedAt: null,
        closedAt: null,
      });
    },
    lock,
    beginLaunch: async (id, { key, actor = null, leaseUntil }) => {
      await tx.query(
        `update campaigns set status = 'launching', launch_key = $2, launch_lease_until = $3, launch_actor = coalesce($4, launch_actor) where id = $1`,
        [id, key, leaseUntil, actor],
      );
    },
    fixEstimate: async (id, { cost, quoteId, prices, holdExpiresAt, leaseUntil }) => {
      await tx.query(
        `with rated as (
           update campaign_rates r set price_micros = p.micros from unnest($6::text[], $7::bigint[]) as p (country, micros)
            where r.campaign_id = $1 and r.country = p.country)
         update campaigns set estimated_micros = $2, hold_expires_at = $3, launch_lease_until = $4, quote_id = $5 where id = $1`,
        [id, cost.micros, holdExpiresAt, leaseUntil, quoteId, [...prices.keys()], [...prices.values()]],
      );
    },
    // Two versions: the launch and what was suppressed while planning are two events.
    start: (id, { holdId, at }) =>
      change(id, `status = 'running', hold_id = $2, launched_at = $3, launch_lease_until = null`, [holdId, at], 2),
    abandonLaunch: async (id) => {
      await tx.query(
        `with unrated as (delete from campaign_rates where campaign_id = $1)
         update campaigns set status = 'draft', quote_id = null, launch_key = null, launch_actor = null, launch_lease_until = null, estimated_micros = null, hold_expires_at = null,
                planned_segments = 0, planned = 0, failed = 0, suppressed = 0, version = version + 1
          where id = $1`,
        [id],
      );
    },
    setStatus: (id, status, at) =>
      change(id, `status = $2, completed_at = case when $2 = 'cancelled' then $3 else completed_at end`, [status, at]),
    discardDraft: (id, at) => change(id, `status = 'cancelled', completed_at = $2, closed_at = $2`, [at]),
    addProgress: async (changes, at) => {
      const rows = [...changes];
      const counts = countNames.map((name) => rows.map(([, progress]) => progress.counts[name]));
      const result = await tx.query<ProgressedRow>(
        addProgressSql,
        [
          rows.map(([id]) => id),
          ...counts,
          rows.map(([, progress]) => progress.chargeMicros),
          at,
          rows.map(([, progress]) => progress.newlySubmitted),
        ],
        { name: 'campaign-progress' },
      );
      return result.map(toProgressed);
    },
  };
};
