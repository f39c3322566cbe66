import type { Transaction } from '#platform/postgres/index.ts';
import type { ClaimedJob, Jobs, SettledJob } from '../../app/ports.ts';
import type { JobState, Transition } from '../../domain/campaign.ts';
import { canonicalId } from '../../domain/receipt.ts';
import { isBlocked, planning } from './planning.ts';

/**
 * Everything that may stop a message is asked here, in the statement that takes it: campaign running, tenant not
 * paused, nobody opted out. Campaigns share the batch evenly. An answer to HELP or STOP goes out first, and goes even to
 * those who opted out.
 */
const claimSql = `
with turn as (
  select c.id, ceil($3::numeric / count(*) over ())::int as share
    from campaigns c
   where c.status = 'running' and c.planned > 0
     and not exists (select from tenant_controls t where t.tenant_id = c.tenant_id and t.sending_paused_at is not null)
     and exists (select from send_jobs j where j.campaign_id = c.id and j.state = 'planned' and j.available_at <= $1)
   order by c.id limit 64
), replies as (
  select j.id from send_jobs j
   where j.campaign_id is null and j.state = 'planned' and j.available_at <= $1
   order by j.available_at, j.id limit $3 for update skip locked
), messages as (
  select m.id, m.blocked from turn cross join lateral (
    select j.id, ${isBlocked('j.phone', 'j.tenant_id')} as blocked from send_jobs j
     where j.campaign_id = turn.id and j.state = 'planned' and j.available_at <= $1
     order by j.available_at, j.id limit turn.share for update skip locked) m
), picked as (
  select id, false as blocked from replies union all select id, blocked from messages
), moved as (
  update send_jobs j set
    state = case when p.blocked then 'suppressed' else 'claimed' end, attempt = j.attempt + 1,
    lease_until = case when p.blocked then null else $2::timestamptz end,
    reason = case when p.blocked then 'do_not_contact' else j.reason end,
    finished_at = case when p.blocked then $1::timestamptz end
  from picked p where j.id = p.id
  returning j.id, j.campaign_id, j.contact_id, j.tenant_id, j.state, j.sender, j.phone, j.attempt, j.refusals, j.segments, j.reply_text
)
select m.id, m.campaign_id, m.state, m.sender, m.phone, m.attempt, m.refusals, m.segments, m.reply_text, c.first_name, c.last_name, c.email, c.fields
  from moved m left join contacts c on c.id = m.contact_id and c.tenant_id = m.tenant_id`;

interface ClaimedRow {
  id: string;
  campaign_id: string | null;
  state: 'claimed' | 'suppressed';
  sender: string;
  phone: string;
  attempt: number;
  refusals: number;
  segments: number;
  reply_text: string | null;
  first_name: string | null;
  last_name: string | null;
  email: string | null;
  fields: Record<string, string> | null;
}

const toClaimed = (row: ClaimedRow): ClaimedJob => ({
  id: row.id,
  campaignId: row.campaign_id ?? undefined,
  state: row.state,
  sender: row.sender,
  phone: row.phone,
  attempt: row.attempt,
  refusals: row.refusals,
  segments: row.segments,
  text: row.reply_text ?? undefined,
  variables: {
    firstName: row.first_name ?? '',
    lastName: row.last_name ?? '',
    phone: row.phone,
    email: row.email ?? '',
    fields: row.fields ?? {},
  },
});

/**
 * Answers of many messages in one statement. A message that was parked meanwhile (its claim ran out) takes a late
 * answer, but never goes back to the queue: the campaign may have ended.
 */
const settleSql = `
with answer as (
  select * from unnest($1::uuid[], $2::int[], $3::text[], $4::smallint[], $5::text[], $6::timestamptz[], $7::smallint[])
    as a (id, attempt, state, accepted, reason, available_at, refusals)
), before as (
  select j.id, j.state, j.accepted from send_jobs j join answer a on a.id = j.id and a.attempt = j.attempt
   where j.state in ('claimed', 'unknown') order by j.id for update of j
), moved as (
  update send_jobs j set
    state = case when b.state = 'unknown' and a.state = 'planned' then 'failed' else a.state end,
    accepted = greatest(j.accepted, a.accepted), reason = a.reason, refusals = j.refusals + a.refusals, lease_until = null,
    available_at = coalesce(a.available_at, j.available_at),
    submitted_at = case when a.accepted > 0 and j.submitted_at is null then $8 else j.submitted_at end,
    finished_at = case when a.state = 'failed' or (b.state = 'unknown' and a.state = 'planned') then $8 end
  from answer a join before b using (id) where j.id = a.id
  returning j.id, j.campaign_id, j.country, b.state as before, j.state, j.accepted - b.accepted as accepted
), parts as (
  insert into message_parts (job_id, part, message_id)
  select p.job_id, p.part, p.message_id from unnest($9::uuid[], $10::smallint[], $11::text[]) as p (job_id, part, message_id) join moved on moved.id = p.job_id
  on conflict (job_id, part) do nothing
)
select m.campaign_id, m.before, m.state, count(*)::int as messages, sum(m.accepted)::int as segments,
       sum(m.accepted * coalesce(r.price_micros, c.segment_price_micros))::bigint as charge
  from moved m join campaigns c on c.id = m.campaign_id left join campaign_rates r on r.campaign_id = m.campaign_id and r.country = m.country
 group by m.campaign_id, m.before, m.state`;

interface TransitionRow {
  campaign_id: string;
  before: JobState;
  state: JobState;
  messages: number;
  segments: number;
  /** Of statements that accept segments. */
  charge?: bigint;
}

const toTransition = (row: TransitionRow): Transition => ({
  campaignId: row.campaign_id,
  from: row.before,
  to: row.state,
  messages: row.messages,
  acceptedSegments: row.segments,
  chargeMicros: row.charge ?? 0n,
});

const parkSql = `
with lost as (
  select id from send_jobs where state = 'claimed' and lease_until <= $1 order by id limit $2 for update skip locked
), moved as (
  update send_jobs j set state = 'unknown', reason = 'process_lost', lease_until = null from lost where j.id = lost.id returning j.campaign_id
)
select campaign_id, 'claimed' as before, 'unknown' as state, count(*)::int as messages, 0 as segments
  from moved where campaign_id is not null group by campaign_id`;

const suppressSql = `
with waiting as (
  select id from send_jobs
   where phone = $1 and state = 'planned' and campaign_id is not null and ($2::uuid is null or tenant_id = $2) order by id for update
), moved as (
  update send_jobs j set state = 'suppressed', reason = 'do_not_contact', finished_at = $3 from waiting where j.id = waiting.id returning j.campaign_id, j.tenant_id
)
select campaign_id, tenant_id, 'planned' as before, 'suppressed' as state, count(*)::int as messages, 0 as segments from moved group by campaign_id, tenant_id`;

const cancelSql = `
with waiting as (
  select id from send_jobs where campaign_id = $1 and state = 'planned' order by id limit $2 for update
), moved as (
  update send_jobs j set state = 'cancelled', finished_at = $3 from waiting where j.id = waiting.id returning j.campaign_id
)
select campaign_id, 'planned' as before, 'cancelled' as state, count(*)::int as messages, 0 as segments from moved group by campaign_id`;

const planReplySql = `
insert into send_jobs (id, tenant_id, phone, sender, state, segments, available_at, reply_kind, reply_text, created_at)
select $1, $2, $3, $4, 'planned', 1, $5, $6, $7, $5
 where not exists (select from send_jobs where phone = $3 and sender = $4 and reply_kind = $6 and created_at > $8)
returning id`;

const answerColumns = (answers: readonly SettledJob[], at: Date): unknown[] => [
  answers.map(({ id }) => id),
  answers.map(({ attempt }) => attempt),
  answers.map(({ settlement }) => settlement.state),
  answers.map(({ settlement }) => settlement.messageIds.length),
  answers.map(({ settlement }) => settlement.reason ?? null),
  answers.map(({ settlement }) => (settlement.state === 'planned' ? new Date(at.getTime() + settlement.retryAfterMs) : null)),
  answers.map(({ settlement }) => (settlement.countsAsRefusal ? 1 : 0)),
];

const partColumns = (answers: readonly SettledJob[]): unknown[] => {
  const parts = answers.flatMap(({ id, settlement }) =>
    settlement.messageIds.map((messageId, part) => ({ id, part, messageId: canonicalId(messageId) })),
  );
  return [parts.map(({ id }) => id), parts.map(({ part }) => part), parts.map(({ messageId }) => messageId)];
};

export const jobs = (tx: Transaction): Jobs => ({
  ...planning(tx),
  claim: async ({ now, leaseUntil, limit }) =>
    (await tx.query<ClaimedRow>(claimSql, [now, leaseUntil, limit], { name: 'job-claim' })).map(toClaimed),
  settle: async (answers, at) => {
    const rows = await tx.query<TransitionRow>(settleSql, [...answerColumns(answers, at), at, ...partColumns(answers)], {
      name: 'job-settle',
    });
    return rows.map(toTransition);
  },
  parkExpired: async (now, limit) => (await tx.query<TransitionRow>(parkSql, [now, limit])).map(toTransition),
  suppress: async (phone, tenantId, at) => {
    const rows = await tx.query<TransitionRow & { tenant_id: string }>(suppressSql, [phone, tenantId ?? null, at]);
    return rows.map((row) => ({ ...toTransition(row), tenantId: row.tenant_id }));
  },
  cancelPlanned: async (campaignId, limit, at) => (await tx.query<TransitionRow>(cancelSql, [campaignId, limit, at])).map(toTransition),
  planReply: async ({ id, tenantId, kind, text, sender, phone, notSince, at }) =>
    (await tx.query(planReplySql, [id, tenantId ?? null, phone, sender, at, kind, text, notSince])).length === 1,
});
