import { createHash } from 'node:crypto';
import type { Queryable } from '#platform/postgres/index.ts';
import type { Throttle, ThrottleClaim } from '../../app/ports.ts';

// Free attempts block nobody, not even one that was made a millisecond earlier and comes here later.
// Rows are taken in the order of their keys, so two attempts never wait for each other in a circle.
const claimSql = `
with wanted as (
  select key, delays, forget_ms from jsonb_to_recordset($1::jsonb) as w (key text, delays bigint[], forget_ms bigint)
), blocked as (
  select max(t.blocked_until) as until from throttles t join wanted w on w.key = t.key where t.blocked_until > $2
), counted as (
  insert into throttles as t (key, attempts, blocked_until, updated_at)
  select w.key, 1, case w.delays[1] when 0 then '-infinity' else $2::timestamptz + w.delays[1] * interval '1 millisecond' end, $2 from wanted w
  where (select until from blocked) is null
  order by w.key
  on conflict (key) do update set (attempts, blocked_until, updated_at) = (
    select n.attempts, case d.delay when 0 then '-infinity' else $2::timestamptz + d.delay * interval '1 millisecond' end, greatest(t.updated_at, $2::timestamptz)
    from wanted w,
      lateral (select case when t.updated_at <= $2::timestamptz - w.forget_ms * interval '1 millisecond' then 1 else t.attempts + 1 end as attempts) n,
      lateral (select w.delays[least(n.attempts, cardinality(w.delays))] as delay) d
    where w.key = t.key
  )
  where t.blocked_until <= $2
  returning key
)
select (select until from blocked) as until, (select count(*)::integer from counted) as counted`;

/** A raced attempt whose wait was set by another a moment ago: the caller tries again after this. */
const racedWaitMs = 1_000;

// The subject (an address, a network) is hashed: the table holds nothing readable.
const keyOf = ({ policy, subject }: ThrottleClaim): string => `${policy.name}:${createHash('sha256').update(subject).digest('base64url')}`;

export const createThrottle = (db: Queryable): Throttle => ({
  claim: async (claims, now) => {
    const wanted = claims.map((claim) => ({ key: keyOf(claim), delays: claim.policy.delaysMs, forget_ms: claim.policy.forgetAfterMs }));
    const [row] = await db.query<{ until: Date | null; counted: number }>(claimSql, [JSON.stringify(wanted), now], {
      name: 'throttle-claim',
    });
    if (row?.until) return Math.max(1, row.until.getTime() - now.getTime());
    return row?.counted === claims.length ? 0 : racedWaitMs;
  },
  release: async (claims) => {
    // One row a statement: no lock is held while waiting for another.
    await Promise.all(
      claims.map((claim) =>
        claim.reset === true
          ? db.query('delete from throttles where key = $1', [keyOf(claim)], { name: 'throttle-reset' })
          : db.query('update throttles set attempts = greatest(attempts - 1, 0) where key = $1', [keyOf(claim)], {
              name: 'throttle-release',
            }),
      ),
    );
  },
});
