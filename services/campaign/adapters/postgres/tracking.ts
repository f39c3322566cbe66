import { newId } from '#platform/ids/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import type { Tracking } from '../../app/ports.ts';
import { canonicalId, type PartStatus, type Receipt, type TrackedJob, type TrackedState } from '../../domain/receipt.ts';

interface LockedRow {
  job_id: string;
  part: number;
  message_id: string;
  status: PartStatus;
  campaign_id: string | null;
  phone: string;
  state: TrackedState;
  segments: number;
  accepted: number;
  delivered_parts: number;
  failed_parts: number;
}

// A part exists only after its answer was stored, so its message is in one of the tracked states.
const lockSql = `
select p.job_id, p.part, p.message_id, p.status, j.campaign_id, j.phone, j.state, j.segments, j.accepted, j.delivered_parts, j.failed_parts
  from message_parts p join send_jobs j on j.id = p.job_id
 where p.message_id = any($1::text[]) and j.state in ('submitted', 'delivered', 'failed', 'unknown')
 order by j.id, p.part for update`;

const saveSql = `
with parts as (
  update message_parts p set status = r.status
    from unnest($1::uuid[], $2::smallint[], $3::text[]) as r (job_id, part, status) where p.job_id = r.job_id and p.part = r.part
)
update send_jobs j set state = r.state, delivered_parts = r.delivered, failed_parts = r.failed,
       reason = case when r.state = j.state then coalesce(r.reason, j.reason) else r.reason end,
       finished_at = case when r.state in ('delivered', 'failed') then $9::timestamptz end
  from unnest($4::uuid[], $5::text[], $6::smallint[], $7::smallint[], $8::text[]) as r (id, state, delivered, failed, reason) where j.id = r.id`;

const toJob = (row: LockedRow): TrackedJob => ({
  id: row.job_id,
  campaignId: row.campaign_id ?? undefined,
  phone: row.phone,
  state: row.state,
  segments: row.segments,
  accepted: row.accepted,
  deliveredParts: row.delivered_parts,
  failedParts: row.failed_parts,
});

interface OrphanRow {
  id: string;
  message_id: string;
  phone: string;
  status: PartStatus;
  error: string | null;
  tries: number;
}

export const tracking = (tx: Transaction): Tracking => ({
  lock: async (messageIds) => {
    const rows = await tx.query<LockedRow>(lockSql, [messageIds], { name: 'receipt-lock' });
    return {
      parts: rows.map(({ job_id, part, message_id, status }) => ({ jobId: job_id, part, messageId: message_id, status })),
      jobs: [...new Map(rows.map((row) => [row.job_id, toJob(row)])).values()],
    };
  },

  save: async ({ parts, jobs }, at) => {
    await tx.query(
      saveSql,
      [
        parts.map(({ jobId }) => jobId),
        parts.map(({ part }) => part),
        parts.map(({ status }) => status),
        jobs.map(({ after }) => after.id),
        jobs.map(({ after }) => after.state),
        jobs.map(({ after }) => after.deliveredParts),
        jobs.map(({ after }) => after.failedParts),
        jobs.map(({ before, after, error }) => (after.state === 'failed' && before.state !== 'failed' ? (error ?? 'undelivered') : null)),
        at,
      ],
      { name: 'receipt-save' },
    );
  },

  keepOrphans: async (receipts: readonly Receipt[], at) => {
    await tx.query(
      `insert into orphan_receipts (id, message_id, phone, status, error, received_at, next_try_at)
       select r.id, r.message_id, r.phone, r.status, r.error, $1, $1
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) as r (id, message_id, phone, status, error)`,
      [
        at,
        receipts.map(newId),
        receipts.map(({ messageId }) => canonicalId(messageId)),
        receipts.map(({ phone }) => phone),
        receipts.map(({ status }) => status),
        receipts.map(({ error }) => error ?? null),
      ],
    );
  },

  dueOrphans: async (now, limit) => {
    const rows = await tx.query<OrphanRow>(
      `select id, message_id, phone, status, error, tries from orphan_receipts where next_try_at <= $1 order by next_try_at limit $2 for update skip locked`,
      [now, limit],
    );
    return rows.map(({ message_id, error, ...row }) => ({ ...row, messageId: message_id, error: error ?? undefined }));
  },

  settleOrphans: async ({ matched, unmatched }) => {
    await tx.query('delete from orphan_receipts where id = any($1::uuid[])', [matched]);
    await tx.query(
      'update orphan_receipts o set tries = o.tries + 1, next_try_at = r.at from unnest($1::uuid[], $2::timestamptz[]) as r (id, at) where o.id = r.id',
      [unmatched.map(({ id }) => id), unmatched.map(({ retryAt }) => retryAt)],
    );
  },

  purgeOrphans: async (olderThan, limit) => {
    const rows = await tx.query(
      'delete from orphan_receipts where id in (select id from orphan_receipts where received_at < $1 order by received_at limit $2 for update skip locked) returning id',
      [olderThan, limit],
    );
    return rows.length;
  },
});
