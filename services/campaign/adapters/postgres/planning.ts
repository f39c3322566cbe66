import type { Transaction } from '#platform/postgres/index.ts';
import type { AudienceMember, Jobs, PlannedJob } from '../../app/ports.ts';

/** Opted out from this tenant, or from the whole platform. */
export const isBlocked = (phone: string, tenant: string): string =>
  `exists (select from do_not_contact d where d.phone = ${phone} and (d.tenant_id = ${tenant} or d.tenant_id is null))`;

/** A page starts after the last contact that has a row: planning the same page twice is impossible. */
const audiencePageSql = `
select c.id as contact_id, c.phone, c.first_name, c.last_name, c.email, c.fields, ${isBlocked('c.phone', 'c.tenant_id')} as blocked
  from contacts c
 where c.tenant_id = $1
   and c.id > coalesce((select j.contact_id from send_jobs j where j.campaign_id = $2 order by j.contact_id desc limit 1), '00000000-0000-0000-0000-000000000000')
   and ($3::uuid[] is null or c.id = any($3))
 order by c.id limit $4`;

const planSql = `
with planned as (
  insert into send_jobs (id, tenant_id, campaign_id, contact_id, phone, country, sender, state, segments, reason, available_at, finished_at, created_at)
  select r.id, $1, $2, r.contact_id, r.phone, r.country, $3, r.state, r.segments, r.reason, $4, case when r.state = 'planned' then null else $4::timestamptz end, $4
    from unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::smallint[], $10::text[], $11::text[]) as r (id, contact_id, phone, state, segments, reason, country)
  on conflict (campaign_id, contact_id) do nothing
  returning state, segments, country
), rated as (
  insert into campaign_rates (campaign_id, country, segments)
  select $2, country, sum(segments) from planned where segments > 0 group by country
  on conflict (campaign_id, country) do update set segments = campaign_rates.segments + excluded.segments
)
update campaigns c set
  planned = c.planned + s.planned, suppressed = c.suppressed + s.suppressed, failed = c.failed + s.failed,
  planned_segments = c.planned_segments + s.segments
from (select count(*) filter (where state = 'planned') as planned, count(*) filter (where state = 'suppressed') as suppressed,
             count(*) filter (where state = 'failed') as failed, coalesce(sum(segments), 0) as segments from planned) s
where c.id = $2`;

interface MemberRow {
  contact_id: string;
  phone: string;
  first_name: string;
  last_name: string;
  email: string;
  fields: Record<string, string>;
  blocked: boolean;
}

const toMember = (row: MemberRow): AudienceMember => ({
  contactId: row.contact_id,
  phone: row.phone,
  firstName: row.first_name,
  lastName: row.last_name,
  email: row.email,
  fields: row.fields,
  doNotContact: row.blocked,
});

const plannedColumns = (jobs: readonly PlannedJob[]): unknown[] => [
  jobs.map(({ id }) => id),
  jobs.map(({ contactId }) => contactId),
  jobs.map(({ phone }) => phone),
  jobs.map(({ state }) => state),
  jobs.map(({ segments }) => segments),
  jobs.map(({ reason }) => reason ?? null),
  jobs.map(({ country }) => country),
];

/** Rows of a launch: from the audience to planned messages, and back. */
export const planning = (tx: Transaction): Pick<Jobs, 'audiencePage' | 'plan' | 'plannedByCountry' | 'discard'> => ({
  audiencePage: async ({ id, tenantId, audience }, limit) => {
    const rows = await tx.query<MemberRow>(audiencePageSql, [
      tenantId,
      id,
      audience.kind === 'contacts' ? audience.contactIds : null,
      limit,
    ]);
    return rows.map(toMember);
  },
  plan: async ({ id, tenantId, sender }, planned, at) => {
    if (planned.length > 0) await tx.query(planSql, [tenantId, id, sender, at, ...plannedColumns(planned)]);
  },
  plannedByCountry: (campaignId) =>
    // Everybody may have opted out since the pages were planned.
    tx.query<{ country: string; segments: bigint }>(
      `select country, segments from campaign_rates where campaign_id = $1
          and exists (select from campaigns where id = $1 and planned > 0) order by country`,
      [campaignId],
    ),
  discard: async (campaignId, limit) => {
    const rows = await tx.query(
      'delete from send_jobs where id in (select id from send_jobs where campaign_id = $1 order by contact_id limit $2) returning id',
      [campaignId, limit],
    );
    return rows.length;
  },
});
